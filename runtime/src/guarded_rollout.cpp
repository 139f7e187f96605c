#include "guarded_rollout.h"

#include <algorithm>
#include <cmath>

#include "denormals.h"

namespace learn_rt {

GuardedRollout::GuardedRollout(std::shared_ptr<const Model> model, std::unique_ptr<RolloutStream> stream,
                               const RolloutLimits& limits)
    : model_(std::move(model)),
      stream_(std::move(stream)),
      limits_(limits),
      n_states_(model_->spec().n_outputs()),
      n_actions_(model_->spec().n_actions()),
      window_(model_->spec().window),
      ranges_(model_->spec().inputs),
      row_(n_states_ + n_actions_) {
  for (const Signal& signal : model_->spec().outputs) {
    nominal_.insert(nominal_.end(), signal.size(), static_cast<float>(signal.nominal));
  }
  begin(nullptr);
}

void GuardedRollout::forget() LEARN_RT_REALTIME {
  stream_->reset();
  rows_ = 0;
}

// Closes the newest row.
void GuardedRollout::close(const float* action) LEARN_RT_REALTIME {
  std::copy(action, action + n_actions_, row_.begin() + static_cast<std::ptrdiff_t>(n_states_));
  stream_->close_row(row_.data());
}

void GuardedRollout::begin(const float* rest) LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  forget();
  if (rest == nullptr || (ranges_.judge(rest, 0, row_.size()) & kRefused) != 0) return;
  std::copy(rest, rest + n_states_, row_.begin());
  for (rows_ = 1; rows_ < window_; ++rows_) close(rest + n_states_);
}

std::uint32_t GuardedRollout::observe(const float* state, const float* action) LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  std::uint32_t judged = ranges_.judge(state, 0, n_states_);
  if (rows_ > 0) judged |= ranges_.judge(action, n_states_, n_actions_);
  if ((judged & kRefused) != 0) {
    forget();
    return kRefused;
  }
  if (rows_ > 0) close(action);
  std::copy(state, state + n_states_, row_.begin());
  rows_ = std::min(rows_ + 1, window_);
  return rows_ < window_ ? judged | kWarmingUp : judged;
}

std::uint32_t GuardedRollout::rollout(const float* actions, std::size_t candidates, std::size_t horizon, float* states,
                                      std::uint32_t* flags) LEARN_RT_REALTIME {
  const DenormalsAreZero guard;
  if (candidates == 0 || horizon == 0 || candidates > limits_.candidates || horizon > limits_.horizon) return kRefused;
  const bool ready = rows_ == window_;
  if (ready) stream_->rollout(row_.data(), actions, candidates, horizon, states);
  std::uint32_t all = 0;
  for (std::size_t k = 0; k < candidates; ++k, states += horizon * n_states_, actions += horizon * n_actions_) {
    flags[k] = judge_actions(actions, horizon);
    if (!ready) flags[k] |= kWarmingUp;
    if (flags[k] == 0 || flags[k] == kOutOfTrainedRange) flags[k] |= judge_states(states, horizon);
    if ((flags[k] & kRefused) != 0) flags[k] = kRefused;
    if ((flags[k] & (kRefused | kWarmingUp)) != 0) answer_nominal(states, horizon);
    all |= flags[k];
  }
  return all;
}

std::uint32_t GuardedRollout::judge_actions(const float* actions, std::size_t horizon) const LEARN_RT_REALTIME {
  std::uint32_t flags = 0;
  for (std::size_t h = 0; h < horizon; ++h) flags |= ranges_.judge(actions + h * n_actions_, n_states_, n_actions_);
  return flags;
}

// A predicted state may leave the physical range, when the actions lead there: that is what a planner wants to know.
std::uint32_t GuardedRollout::judge_states(const float* states, std::size_t horizon) const LEARN_RT_REALTIME {
  std::uint32_t flags = 0;
  for (std::size_t h = 0; h < horizon; ++h, states += n_states_) {
    if (ranges_.judge(states, 0, n_states_) == 0) continue;
    if (!std::all_of(states, states + n_states_, [](float v) { return std::isfinite(v); })) return kRefused;
    flags = kOutOfTrainedRange;
  }
  return flags;
}

void GuardedRollout::answer_nominal(float* states, std::size_t horizon) const LEARN_RT_REALTIME {
  for (std::size_t h = 0; h < horizon; ++h) std::copy(nominal_.begin(), nominal_.end(), states + h * n_states_);
}

}  // namespace learn_rt
