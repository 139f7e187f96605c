#include "ort_rollout_arm.h"

#include <algorithm>
#include <cstring>

namespace learn_rt::bench {

OrtRolloutArm::OrtRolloutArm(const std::string& library, const std::string& graph, std::size_t window,
                             RolloutSizes sizes, std::size_t threads)
    : graph_(library, graph, static_cast<int>(threads)),
      sizes_(sizes),
      history_(window * (sizes.n_states + sizes.n_actions)),
      x_(sizes.candidates * history_.size()),
      actions_(sizes.candidates * sizes.horizon * sizes.n_actions),
      y_(sizes.n_outputs()) {
  const auto size = [](std::size_t n) { return static_cast<std::int64_t>(n); };
  const std::int64_t k = size(sizes.candidates), h = size(sizes.horizon);
  inputs_ = {graph_.bind(x_, {k, size(window), size(sizes.n_states + sizes.n_actions)}),
             graph_.bind(actions_, {k, h, size(sizes.n_actions)})};
  outputs_ = {graph_.bind(y_, {k, h, size(sizes.n_states)})};
}

std::uint32_t OrtRolloutArm::answer(const float* sample, float* values) {
  const std::size_t row = sizes_.n_states + sizes_.n_actions;
  const auto newest = history_.end() - static_cast<std::ptrdiff_t>(row);
  std::copy_n(sizes_.action(sample), sizes_.n_actions, newest + static_cast<std::ptrdiff_t>(sizes_.n_states));
  std::memmove(history_.data(), history_.data() + row, (history_.size() - row) * sizeof(float));
  std::copy_n(sample, sizes_.n_states, newest);
  std::copy_n(sizes_.plans(sample), actions_.size(), actions_.begin());
  for (std::size_t k = 0; k < sizes_.candidates; ++k) {
    float* window = std::copy(history_.begin(), history_.end(), x_.data() + k * history_.size());
    std::copy_n(actions_.data() + k * sizes_.horizon * sizes_.n_actions, sizes_.n_actions, window - sizes_.n_actions);
  }
  graph_.run(input_names_, inputs_, output_names_, outputs_);
  std::copy(y_.begin(), y_.end(), values);
  return 0;
}

}  // namespace learn_rt::bench
