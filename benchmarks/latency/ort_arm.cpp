#include "ort_arm.h"

#include <algorithm>
#include <cstring>

namespace learn_rt::bench {

OrtArm::OrtArm(const std::string& library, const std::string& graph, std::size_t window, std::size_t n_features,
               std::size_t n_outputs, std::vector<OrtState> states)
    : graph_(library, graph, 1),
      n_features_(n_features),
      states_(std::move(states)),
      x_(std::max<std::size_t>(window, 1) * n_features),
      y_(n_outputs) {
  const auto features = static_cast<std::int64_t>(n_features);
  std::vector<std::int64_t> x_shape{1, features};
  if (window > 0) x_shape = {1, static_cast<std::int64_t>(window), features};
  void* x = graph_.bind(x_, x_shape);
  void* y = graph_.bind(y_, {1, static_cast<std::int64_t>(n_outputs)});
  input_names_.push_back("x");
  output_names_.push_back("y");
  for (auto& inputs : inputs_) inputs.push_back(x);
  for (auto& outputs : outputs_) outputs.push_back(y);
  for (auto& set : sets_) set.reserve(states_.size());  // what is bound must not move
  for (const OrtState& state : states_) {
    input_names_.push_back(state.input.c_str());
    output_names_.push_back(state.output.c_str());
    for (std::size_t side = 0; side < 2; ++side) {
      void* value = graph_.bind(sets_[side].emplace_back(OrtGraph::size_of(state.shape), 0.0F), state.shape);
      inputs_[side].push_back(value);
      outputs_[1 - side].push_back(value);
    }
  }
}

std::uint32_t OrtArm::answer(const float* sample, float* values) {
  // A window slides by one sample; one sample is a window of 1.
  std::memmove(x_.data(), x_.data() + n_features_, (x_.size() - n_features_) * sizeof(float));
  std::copy_n(sample, n_features_, x_.end() - static_cast<std::ptrdiff_t>(n_features_));
  graph_.run(input_names_, inputs_[turn_], output_names_, outputs_[turn_]);
  turn_ = 1 - turn_;
  std::copy(y_.begin(), y_.end(), values);
  return 0;
}

}  // namespace learn_rt::bench
