#pragma once

#include "backend.h"

namespace learn_rt {

// Replays every golden sample in each way that the engine answers. Throws std::runtime_error: which one is off, and by
// how much.
void check_golden(const Engine& engine, const ModelFolder& folder);

}  // namespace learn_rt
