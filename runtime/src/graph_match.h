#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "program.h"

namespace learn_rt {

// Looks from values back to the operations that made them.
class GraphMatch {
 public:
  using Pair = std::pair<ValueId, ValueId>;

  explicit GraphMatch(const Program& program) : program_(program), writers_(program.buffers.size(), kNone) {
    for (std::size_t i = 0; i < program.instructions.size(); ++i) {
      for (const ValueId out : program.instructions[i].out) writers_[program.values[out].buffer] = i;
    }
  }

 protected:
  static constexpr std::size_t kNone = ~std::size_t{0};

  const Value& value(ValueId id) const { return program_.values[id]; }
  const Instruction& instruction(std::size_t i) const { return program_.instructions[i]; }

  // The instruction that writes a buffer, or kNone.
  std::size_t buffer_writer(std::size_t buffer) const { return writers_[buffer]; }

  // The instruction that writes exactly this value.
  std::optional<std::size_t> writer(ValueId id) const {
    const Value& v = value(id);
    if (v.constant || v.offset != 0 || v.size != program_.buffers[v.buffer] || writers_[v.buffer] == kNone) {
      return std::nullopt;
    }
    return writers_[v.buffer];
  }

  // What `id` is that function of.
  std::optional<ValueId> unary(ValueId id, Unary kind) const {
    const auto at = writer(id);
    if (!at) return std::nullopt;
    const auto* operation = dynamic_cast<const UnaryOperation*>(instruction(*at).operation.get());
    return operation != nullptr && operation->kind == kind ? std::optional(instruction(*at).in[0]) : std::nullopt;
  }

  std::optional<Pair> binary(ValueId id, Binary kind) const {
    const auto at = writer(id);
    if (!at) return std::nullopt;
    const auto* operation = dynamic_cast<const BinaryOperation*>(instruction(*at).operation.get());
    if (operation == nullptr || operation->kind != kind) return std::nullopt;
    return Pair{instruction(*at).in[0], instruction(*at).in[1]};
  }

  // A pair in both orders, for operations that do not care.
  static std::vector<Pair> either_way(const std::optional<Pair>& pair) {
    if (!pair) return {};
    return {*pair, {pair->second, pair->first}};
  }

 private:
  const Program& program_;
  std::vector<std::size_t> writers_;
};

}  // namespace learn_rt
