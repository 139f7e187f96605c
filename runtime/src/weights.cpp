#include "weights.h"

namespace learn_rt {

void store_weights(Program& program, Weights form) {
  if (form == Weights::kFp32) return;
  for (Instruction& instruction : program.instructions) {
    if (auto stored = instruction.operation->with_weights(form)) instruction.operation = std::move(stored);
  }
}

}  // namespace learn_rt
