#pragma once

#include <memory>
#include <vector>

#include "backend.h"
#include "learn_rt/model.h"
#include "learn_rt/rollout.h"
#include "ranges.h"

namespace learn_rt {

// RolloutSession on any backend's stream: refuses what is not finite or not physical, answers nominal states while
// warming up, and says so in the flags.
class GuardedRollout final : public RolloutSession {
 public:
  // `model` is kept alive for the stream's engine.
  GuardedRollout(std::shared_ptr<const Model> model, std::unique_ptr<RolloutStream> stream,
                 const RolloutLimits& limits);

  void begin(const float* rest) LEARN_RT_REALTIME override;
  std::uint32_t observe(const float* state, const float* action) LEARN_RT_REALTIME override;
  std::uint32_t rollout(const float* actions, std::size_t candidates, std::size_t horizon, float* states,
                        std::uint32_t* flags) LEARN_RT_REALTIME override;
  std::size_t n_states() const LEARN_RT_REALTIME override { return n_states_; }
  std::size_t n_actions() const LEARN_RT_REALTIME override { return n_actions_; }
  const RolloutLimits& limits() const LEARN_RT_REALTIME override { return limits_; }

 private:
  void forget() LEARN_RT_REALTIME;
  void close(const float* action) LEARN_RT_REALTIME;
  std::uint32_t judge_actions(const float* actions, std::size_t horizon) const LEARN_RT_REALTIME;
  std::uint32_t judge_states(const float* states, std::size_t horizon) const LEARN_RT_REALTIME;
  void answer_nominal(float* states, std::size_t horizon) const LEARN_RT_REALTIME;

  std::shared_ptr<const Model> model_;
  std::unique_ptr<RolloutStream> stream_;
  const RolloutLimits limits_;
  const std::size_t n_states_, n_actions_, window_;
  Ranges ranges_;  // of a row
  std::vector<float> nominal_;
  std::vector<float> row_;  // the newest state, and room for its action
  std::size_t rows_ = 0;    // in the history, the newest state's included; up to `window_`
};

}  // namespace learn_rt
