#include "whole_rollout.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

namespace learn_rt {

WholeRollout::WholeRollout(const Spec& spec, const RolloutLimits& limits, Infer infer)
    : window_(spec.window),
      n_states_(spec.n_outputs()),
      n_actions_(spec.n_actions()),
      horizon_(spec.horizon),
      infer_(std::move(infer)),
      history_((window_ - 1) * spec.n_features()) {
  if (limits.candidates > RolloutLimits::kMaxValues / (std::max(window_, horizon_) * spec.n_features())) {
    throw std::runtime_error("the windows of " + std::to_string(limits.candidates) +
                             " candidates would hold more than " + std::to_string(RolloutLimits::kMaxValues) +
                             " values");
  }
  windows_.resize(limits.candidates * window_ * spec.n_features());
  actions_.resize(limits.candidates * horizon_ * n_actions_);
  answers_.resize(limits.candidates * horizon_ * n_states_);
}

void WholeRollout::reset() LEARN_RT_REALTIME {}  // no answer is asked for before the history is full again

void WholeRollout::close_row(const float* row) LEARN_RT_REALTIME {
  const std::size_t n = n_states_ + n_actions_;
  if (history_.empty()) return;
  std::memmove(history_.data(), history_.data() + n, (history_.size() - n) * sizeof(float));
  std::memcpy(history_.data() + history_.size() - n, row, n * sizeof(float));
}

void WholeRollout::fill_windows(const float* state, const float* actions, std::size_t candidates,
                                std::size_t horizon) LEARN_RT_REALTIME {
  float* to = windows_.data();
  for (std::size_t k = 0; k < candidates; ++k) {
    to = std::copy(history_.begin(), history_.end(), to);
    to = std::copy(state, state + n_states_, to);
    to = std::copy_n(actions + k * horizon * n_actions_, n_actions_, to);
  }
}

void WholeRollout::slide_windows(const float* actions, const float* states, std::size_t candidates, std::size_t horizon,
                                 std::size_t from, std::size_t to) LEARN_RT_REALTIME {
  const std::size_t n = n_states_ + n_actions_, by = to - from, kept = window_ - std::min(window_, by);
  for (std::size_t k = 0; k < candidates; ++k) {
    float* window = windows_.data() + k * window_ * n;
    std::memmove(window, window + (window_ - kept) * n, kept * n * sizeof(float));
    for (std::size_t i = kept; i < window_; ++i) {
      const std::size_t row = k * horizon + to - (window_ - 1 - i);
      std::copy_n(states + (row - 1) * n_states_, n_states_, window + i * n);
      std::copy_n(actions + row * n_actions_, n_actions_, window + i * n + n_states_);
    }
  }
}

void WholeRollout::rollout(const float* state, const float* actions, std::size_t candidates, std::size_t horizon,
                           float* states) LEARN_RT_REALTIME {
  fill_windows(state, actions, candidates, horizon);
  for (std::size_t done = 0; done < horizon;) {
    if (done > 0) slide_windows(actions, states, candidates, horizon, done - horizon_, done);
    const std::size_t n = std::min(horizon_, horizon - done);
    for (std::size_t k = 0; k < candidates; ++k) {
      float* to = std::copy_n(actions + (k * horizon + done) * n_actions_, n * n_actions_,
                              actions_.data() + k * horizon_ * n_actions_);
      std::fill_n(to, (horizon_ - n) * n_actions_, 0.0F);  // their answers are cut off
    }
    try {
      infer_(windows_.data(), actions_.data(), candidates, answers_.data());
    } catch (...) {
      std::fill_n(states, candidates * horizon * n_states_, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    for (std::size_t k = 0; k < candidates; ++k) {
      std::copy_n(answers_.data() + k * horizon_ * n_states_, n * n_states_, states + (k * horizon + done) * n_states_);
    }
    done += n;
  }
}

}  // namespace learn_rt
