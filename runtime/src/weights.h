#pragma once

#include "learn_rt/spec.h"
#include "program.h"

namespace learn_rt {

// Matrices that are worth fewer bits.
std::size_t count_matrices(const Program& program);

// Brings them into the forms that the spec names. Throws std::runtime_error when it names those of other matrices.
void store_weights(Program& program, const Spec& spec);

}  // namespace learn_rt
