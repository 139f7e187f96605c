#pragma once

#include "lanes.h"
#include "learn_rt/footprint.h"

namespace learn_rt {

// What runs on a plan take; `program` alone: each instruction once.
Footprint footprint_of(const Program& program);
Footprint footprint_of(const LanePlan& plan);
// Of a rollout of so many candidates and steps.
Footprint footprint_of(const LanePlan& plan, std::size_t candidates, std::size_t horizon);

}  // namespace learn_rt
