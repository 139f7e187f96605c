#include "weights.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace learn_rt {

std::size_t count_matrices(const Program& program) {
  return static_cast<std::size_t>(
      std::count_if(program.instructions.begin(), program.instructions.end(),
                    [](const Instruction& instruction) { return instruction.operation->stores_weights(); }));
}

void store_weights(Program& program, const Spec& spec) {
  if (spec.weights == Weights::kFp32) return;
  const std::size_t matrices = count_matrices(program);
  const bool mixed = spec.weights == Weights::kMixed;
  if (mixed && spec.weights_mix.size() != matrices) {
    throw std::runtime_error("spec.json names the form of " + std::to_string(spec.weights_mix.size()) +
                             " matrices in weights_mix, and there are " + std::to_string(matrices));
  }
  std::size_t next = 0;
  for (Instruction& instruction : program.instructions) {
    if (!instruction.operation->stores_weights()) continue;
    const Weights form = mixed ? spec.weights_mix[next++] : spec.weights;
    if (auto stored = instruction.operation->with_weights(form)) instruction.operation = std::move(stored);
  }
}

}  // namespace learn_rt
