#pragma once

#include <functional>
#include <vector>

#include "backend.h"

namespace learn_rt {

// Rollouts for backends that only run model.onnx as a whole, for its own horizon: shorter ones are cut, longer ones go
// on from the rows that were predicted.
class WholeRollout final : public RolloutStream {
 public:
  // Writes the answers to whole windows and actions; may throw, which makes them NaN.
  using Infer = std::function<void(const float* windows, const float* actions, std::size_t batch, float* answers)>;

  WholeRollout(const Spec& spec, const RolloutLimits& limits, Infer infer);
  void reset() LEARN_RT_REALTIME override;
  void close_row(const float* row) LEARN_RT_REALTIME override;
  void rollout(const float* state, const float* actions, std::size_t candidates, std::size_t horizon,
               float* states) LEARN_RT_REALTIME override;

 private:
  void fill_windows(const float* state, const float* actions, std::size_t candidates,
                    std::size_t horizon) LEARN_RT_REALTIME;
  // Lets the windows end with row `to`, of which `from` is the last that they hold.
  void slide_windows(const float* actions, const float* states, std::size_t candidates, std::size_t horizon,
                     std::size_t from, std::size_t to) LEARN_RT_REALTIME;

  std::size_t window_, n_states_, n_actions_, horizon_;
  Infer infer_;
  std::vector<float> history_;                      // [window - 1, row], the oldest first
  std::vector<float> windows_, actions_, answers_;  // of one call
};

}  // namespace learn_rt
