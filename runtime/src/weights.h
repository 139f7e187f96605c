#pragma once

#include "learn_rt/weights.h"
#include "program.h"

namespace learn_rt {

// Brings a program's matrices into this form: those that are worth it.
void store_weights(Program& program, Weights form);

}  // namespace learn_rt
