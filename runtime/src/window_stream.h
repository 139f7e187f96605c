#pragma once

#include <functional>
#include <vector>

#include "backend.h"

namespace learn_rt {

// Answers every sample by running the whole window: for models without a step graph.
class WindowStream final : public Stream {
 public:
  // Writes the answer to one window; may throw, which makes the answer NaN.
  using Infer = std::function<void(const float* window, float* answer)>;

  WindowStream(const Spec& spec, Infer infer);
  void reset() LEARN_RT_REALTIME override;
  void step(const float* sample, float* answer) LEARN_RT_REALTIME override;
  void settle() LEARN_RT_REALTIME override {}

 private:
  std::size_t window_, n_features_, n_outputs_;
  Infer infer_;
  std::vector<float> samples_;  // twice the window, so that the last `window_` samples always lie in one piece
  std::size_t taken_ = 0, at_ = 0;
};

}  // namespace learn_rt
