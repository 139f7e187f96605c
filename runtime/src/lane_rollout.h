#pragma once

#include <memory>
#include <vector>

#include "backend.h"
#include "lanes.h"

namespace learn_rt {

// Rollouts by lanes. Step h of a rollout needs a window that starts one row later than that of step h - 1, so every row
// is taken once by each of the lanes that are to come, and the oldest of them gives the answer: exactly the windows'
// results. What the history made of its lanes is one for all candidates; from the first step on each candidate has
// lanes of its own, and those of many candidates advance together, as one product (candidates.h).
class LaneRollout final : public RolloutStream {
 public:
  // The plan must outlive it.
  LaneRollout(const LanePlan& plan, const RolloutLimits& limits);
  ~LaneRollout() override;

  void reset() LEARN_RT_REALTIME override;
  void close_row(const float* row) LEARN_RT_REALTIME override;
  void rollout(const float* state, const float* actions, std::size_t candidates, std::size_t horizon,
               float* states) LEARN_RT_REALTIME override;

 private:
  class Team;

  LaneStream history_;
  std::vector<float> answer_;  // to a closed row: what came of it is known
  std::unique_ptr<Team> team_;
};

}  // namespace learn_rt
