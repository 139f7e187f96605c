#include "fusion.h"

#include <algorithm>
#include <optional>
#include <set>

#include "graph_match.h"

namespace learn_rt {
namespace {

// What a cell reads and writes, found in the graph.
struct Cell {
  ValueId a, b, c, mask, h_next, c_next;
  bool has_b = false, has_mask = false;
  GateOffsets gates{};
  std::size_t size = 0, at_c = 0, at_h = 0;  // the instructions that write c' and h'
};

class LstmMatch : private GraphMatch {
 public:
  using GraphMatch::GraphMatch;

  // The cell whose h' instruction `at` writes:
  //   h' = sigmoid(z.o) tanh(c'), c' = (sigmoid(z.f) c + sigmoid(z.i) tanh(z.g)) [mask], z = a + b or z = a.
  std::optional<Cell> cell(std::size_t at) const {
    const ValueId h = instruction(at).out[0];
    for (const Pair& product : either_way(binary(h, kMul))) {
      const auto output_gate = unary(product.first, kSigmoid), c_next = unary(product.second, kTanh);
      if (!output_gate || !c_next) continue;
      Cell cell{};
      cell.h_next = h;
      cell.c_next = *c_next;
      cell.at_h = at;
      cell.size = value(h).size;
      if (!writer(*c_next)) continue;
      cell.at_c = *writer(*c_next);
      if (sum(*c_next, *output_gate, cell)) return cell;
      for (const Pair& masked : either_way(binary(*c_next, kMul))) {
        if (value(masked.second).size != 1 || !sum(masked.first, *output_gate, cell)) continue;
        cell.has_mask = true;
        cell.mask = masked.second;
        return cell;
      }
    }
    return std::nullopt;
  }

 private:
  // sigmoid(z.f) c + sigmoid(z.i) tanh(z.g)
  bool sum(ValueId id, ValueId o, Cell& cell) const {
    for (const Pair& terms : either_way(binary(id, kAdd))) {
      for (const Pair& kept : either_way(binary(terms.first, kMul))) {
        for (const Pair& added : either_way(binary(terms.second, kMul))) {
          const auto f = unary(kept.first, kSigmoid), i = unary(added.first, kSigmoid), g = unary(added.second, kTanh);
          if (f && i && g && value(kept.second).size == cell.size && gates(*i, *f, *g, o, cell)) {
            cell.c = kept.second;
            return true;
          }
        }
      }
    }
    return false;
  }

  // All four gates are parts of one value.
  bool gates(ValueId i, ValueId f, ValueId g, ValueId o, Cell& cell) const {
    for (const ValueId id : {i, f, g, o}) {
      if (value(id).constant || value(id).buffer != value(i).buffer || value(id).size != cell.size) return false;
    }
    const std::size_t buffer = value(i).buffer;
    cell.a = std::min({i, f, g, o}, [this](ValueId x, ValueId y) { return value(x).offset < value(y).offset; });
    std::size_t base = value(cell.a).offset;
    if (buffer_writer(buffer) != kNone) {
      const Instruction& sum = instruction(buffer_writer(buffer));
      const auto* add = dynamic_cast<const BinaryOperation*>(sum.operation.get());
      const std::size_t size = value(sum.out[0]).size;
      if (add != nullptr && add->kind == kAdd && value(sum.in[0]).size == size && value(sum.in[1]).size == size) {
        cell.a = sum.in[0];
        cell.b = sum.in[1];
        cell.has_b = true;
        base = 0;
      }
    }
    cell.gates = {value(i).offset - base, value(f).offset - base, value(g).offset - base, value(o).offset - base};
    return true;
  }
};

// Leaves out the instructions whose results nobody reads.
void drop_unused(Program& program) {
  std::vector<bool> read(program.buffers.size(), false);
  for (const Port& port : program.outputs) {
    const Value& value = program.values[port.value];
    if (!value.constant) read[value.buffer] = true;
  }
  std::vector<Instruction> kept;
  for (std::size_t i = program.instructions.size(); i-- > 0;) {
    Instruction& instruction = program.instructions[i];
    const bool used = std::any_of(instruction.out.begin(), instruction.out.end(),
                                  [&](ValueId id) { return read[program.values[id].buffer]; });
    if (!used) continue;
    for (const ValueId id : instruction.in) {
      if (!program.values[id].constant) read[program.values[id].buffer] = true;
    }
    kept.push_back(std::move(instruction));
  }
  std::reverse(kept.begin(), kept.end());
  program.instructions = std::move(kept);
}

}  // namespace

Program fuse(Program program) {
  std::vector<Cell> cells;
  std::set<std::size_t> taken;  // the instructions that write their c'
  const LstmMatch match(program);
  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const auto cell = match.cell(i);
    // A second h' of the same c' stays as it is: one instruction writes one of them.
    if (cell && taken.insert(cell->at_c).second) cells.push_back(*cell);
  }
  for (const Cell& cell : cells) {
    // Where c' was written everything that the cell reads is there.
    Instruction fused;
    fused.operation = std::make_shared<LstmCellOperation>(cell.gates, cell.size, cell.has_b, cell.has_mask);
    fused.in = {cell.a, cell.has_b ? cell.b : cell.a, cell.c, cell.has_mask ? cell.mask : cell.a};
    fused.out = {cell.h_next, cell.c_next};
    program.instructions[cell.at_c] = std::move(fused);
    program.instructions[cell.at_h].out.clear();  // unused from here on
  }
  fuse_gru_cells(program);
  drop_unused(program);
  return program;
}

}  // namespace learn_rt
