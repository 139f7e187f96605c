#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "learn_rt/spec.h"
#include "rollout_link.h"

namespace learn_rt::client {

// The observations that a stream's history is made of, the newest `window`: as many as a new stream must be told for
// its rollouts to be those of the old one. One thread at a time.
class RolloutHistory {
 public:
  explicit RolloutHistory(const Spec& spec)
      : window_(spec.window), n_states_(spec.n_outputs()), n_actions_(spec.n_actions()) {
    states_.resize(window_ * n_states_);
    actions_.resize(window_ * n_actions_);
  }

  void add(const float* state, const float* action) {
    const std::size_t at = count_++ % window_;
    std::copy_n(state, n_states_, &states_[at * n_states_]);
    std::copy_n(action, n_actions_, &actions_[at * n_actions_]);
  }

  // Puts what a stream has not been told into a request: what came after the first `told` observations, or the whole
  // history, from a restart, when some of that is no longer there or `fresh` says that the stream is new. Returns how
  // many have been told then.
  std::uint64_t fill(RolloutRequest& request, std::uint64_t told, bool fresh) const {
    const std::uint64_t kept = count_ - std::min<std::uint64_t>(count_, window_);
    request.restart = fresh || told < kept;
    request.observed.clear();
    request.taken.clear();
    for (std::uint64_t i = request.restart ? kept : told; i < count_; ++i) {
      const std::size_t at = i % window_;
      const auto state = states_.begin() + static_cast<std::ptrdiff_t>(at * n_states_);
      const auto action = actions_.begin() + static_cast<std::ptrdiff_t>(at * n_actions_);
      request.observed.insert(request.observed.end(), state, state + static_cast<std::ptrdiff_t>(n_states_));
      request.taken.insert(request.taken.end(), action, action + static_cast<std::ptrdiff_t>(n_actions_));
    }
    return count_;
  }

 private:
  std::size_t window_, n_states_, n_actions_;
  std::vector<float> states_, actions_;
  std::uint64_t count_ = 0;
};

}  // namespace learn_rt::client
