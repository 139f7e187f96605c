#include "fusion.h"
#include "graph_match.h"
#include "gru.h"

namespace learn_rt {
namespace {

// Cells of a GRU written out:
//   h' = n + z (h - n) or (1 - z) n + z h, z = sigmoid(a.z + b.z), n = tanh(a.n + sigmoid(a.r + b.r) b.n).
class GruMatch : private GraphMatch {
 public:
  using GraphMatch::GraphMatch;

  // The cell whose h' instruction `at` writes, as GruCellOperation takes it.
  std::optional<std::vector<ValueId>> cell(std::size_t at) const {
    const ValueId h_next = instruction(at).out.at(0);
    for (const Pair& terms : either_way(binary(h_next, kAdd))) {
      for (const Pair& product : either_way(binary(terms.second, kMul))) {
        if (const auto found = leaning(terms.first, product, value(h_next).size)) return found;
        if (const auto found = blending(terms.first, product, value(h_next).size)) return found;
      }
    }
    return std::nullopt;
  }

 private:
  using Found = std::optional<std::vector<ValueId>>;

  // n + z (h - n)
  Found leaning(ValueId n, const Pair& product, std::size_t size) const {
    const auto difference = binary(product.second, kSub);
    if (!difference || difference->second != n) return std::nullopt;
    return gates(product.first, n, difference->first, size);
  }

  // (1 - z) n + z h
  Found blending(ValueId first, const Pair& product, std::size_t size) const {
    for (const Pair& factors : either_way(binary(first, kMul))) {
      const auto rest = binary(factors.first, kSub);
      if (rest && rest->second == product.first && is_one(rest->first)) {
        if (const auto found = gates(product.first, factors.second, product.second, size)) return found;
      }
    }
    return std::nullopt;
  }

  bool is_one(ValueId id) const {
    const Tensor* tensor = value(id).constant.get();
    return tensor != nullptr && tensor->is_float && tensor->floats.size() == 1 && tensor->floats[0] == 1.0F;
  }

  Found gates(ValueId z, ValueId n, ValueId h, std::size_t size) const {
    const auto z_sum = unary(z, kSigmoid), n_sum = unary(n, kTanh);
    if (!z_sum || !n_sum) return std::nullopt;
    const auto z_parts = binary(*z_sum, kAdd);
    if (!z_parts) return std::nullopt;
    for (const Pair& n_parts : either_way(binary(*n_sum, kAdd))) {
      for (const Pair& reset : either_way(binary(n_parts.second, kMul))) {
        const auto r_sum = unary(reset.first, kSigmoid);
        const auto r_parts = r_sum ? binary(*r_sum, kAdd) : std::nullopt;
        if (!r_parts) continue;
        std::vector<ValueId> in{
            r_parts->first, z_parts->first, n_parts.first, r_parts->second, z_parts->second, reset.second, h};
        bool alike = true;  // nothing is spread
        for (const ValueId id : in) alike = alike && value(id).size == size;
        if (alike) return in;
      }
    }
    return std::nullopt;
  }
};

}  // namespace

void fuse_gru_cells(Program& program) {
  const GruMatch match(program);
  std::vector<std::pair<std::size_t, std::vector<ValueId>>> cells;
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    if (program.instructions[i].out.empty()) continue;
    if (auto cell = match.cell(i)) cells.emplace_back(i, std::move(*cell));
  }
  for (auto& [at, in] : cells) {
    Instruction& instruction = program.instructions[at];
    const std::size_t size = program.values[instruction.out[0]].size;
    instruction.operation = std::make_shared<GruCellOperation>(size, true);
    instruction.in = std::move(in);
  }
}

}  // namespace learn_rt
