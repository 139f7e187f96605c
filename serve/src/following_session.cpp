#include "following_session.h"

#include <algorithm>
#include <utility>

#include "learn_rt/flags.h"

namespace learn_rt::serve {
namespace {

constexpr std::size_t kCatchUp = 4;  // samples that one settling may take for the coming version, beside its own

constexpr std::uint32_t kNoAnswer = kWarmingUp | kRefused;

void free_pile(Runner* top) {
  while (top != nullptr) delete std::exchange(top, top->below);
}

}  // namespace

Follower::~Follower() {
  delete offered_.load();
  free_pile(retired_.load());
}

void Follower::offer(std::unique_ptr<Runner> runner) {
  delete offered_.exchange(runner.release(), std::memory_order_acq_rel);
}

std::vector<std::unique_ptr<Runner>> Follower::reap() {
  std::vector<std::unique_ptr<Runner>> pile;
  Runner* top = retired_.exchange(nullptr, std::memory_order_acquire);
  while (top != nullptr) pile.emplace_back(std::exchange(top, top->below));
  return pile;
}

FollowingSession::FollowingSession(std::shared_ptr<Follower> follower, std::unique_ptr<Runner> first, Swap swap,
                                   std::size_t fade_ticks, std::uint64_t swap_after)
    : follower_(std::move(follower)),
      swap_(swap),
      fade_ticks_(fade_ticks),
      rest_ticks_(first->host->spec().warm_up()),
      patience_(first->host->spec().memory() + 1024),
      swap_after_(swap_after),
      current_(first.release()) {
  const Spec& spec = current_->host->spec();
  for (const Signal& signal : spec.outputs) {
    for (std::size_t i = 0; i < signal.size(); ++i) {
      limited_.push_back(signal.envelope.has_value());
      limiters_.emplace_back(signal.envelope.value_or(Envelope{1.0, 1.0, 1.0}), spec.dt_s);
    }
  }
  for (auto* values : {&before_, &last_, &other_}) values->resize(spec.n_outputs());
  for (auto* values : {&last_sample_, &sample_}) values->resize(spec.n_features());
}

FollowingSession::~FollowingSession() {
  follower_->closed_.store(true, std::memory_order_relaxed);
  delete current_;
  delete coming_;
}

bool FollowingSession::turn() LEARN_RT_REALTIME {
  if (coming_ == nullptr) return false;
  if (crossing_) {
    if (fading_ == fade_ticks_) {
      std::swap(current_, coming_);
      retire(std::exchange(coming_, nullptr));
      crossing_ = false;
    }
    return false;
  }
  if (!due()) return false;
  take_over();
  return true;
}

// Whether the coming version may answer the next sample.
bool FollowingSession::due() LEARN_RT_REALTIME {
  if (coming_->taken != taken_ || taken_ < swap_after_) return false;
  if ((coming_->flags & kNoAnswer & ~current_->flags) != 0) return false;
  return swap_ != Swap::kAtRest || still_ >= rest_ticks_;
}

void FollowingSession::take_over() LEARN_RT_REALTIME {
  if (taken_ != 0) {
    for (std::size_t i = 0; i < limiters_.size(); ++i)
      limiters_[i].resume(static_cast<double>(taken_ == 1 ? last_[i] : before_[i]), static_cast<double>(last_[i]));
    limiting_ = true;
  }
  coming_->host->counters().opened();
  current_->host->counters().closed();
  follower_->host_.store(coming_->host.get(), std::memory_order_relaxed);
  if (swap_ == Swap::kCrossfade && fade_ticks_ > 0) {
    crossing_ = true;
    fading_ = 0;
    return;
  }
  std::swap(current_, coming_);
  retire(std::exchange(coming_, nullptr));
}

void FollowingSession::retire(Runner* runner) LEARN_RT_REALTIME {
  runner->below = follower_->retired_.load(std::memory_order_relaxed);
  while (!follower_->retired_.compare_exchange_weak(runner->below, runner, std::memory_order_release,
                                                    std::memory_order_relaxed)) {
  }
}

void FollowingSession::begin(const float* rest) LEARN_RT_REALTIME {
  if (!std::exchange(begun_, true)) return current_->session->begin(rest);
  follower_->closed_.store(true, std::memory_order_relaxed);
  if (crossing_) std::swap(current_, coming_);
  if (coming_ != nullptr) retire(std::exchange(coming_, nullptr));
  crossing_ = limiting_ = false;
  current_->session->begin(rest);
}

// Adds a sample to what other versions are fed with.
void FollowingSession::note(const float* sample) LEARN_RT_REALTIME {
  const bool same = taken_ != 0 && std::equal(last_sample_.begin(), last_sample_.end(), sample);
  still_ = same ? still_ + 1 : 1;
  std::copy(sample, sample + last_sample_.size(), last_sample_.begin());
  follower_->history_.push(sample);
  ++taken_;
}

std::uint32_t FollowingSession::step(const float* sample, float* answer) LEARN_RT_REALTIME {
  note(sample);
  std::uint32_t flags = current_->flags = current_->session->step(sample, answer);
  current_->taken = taken_;
  if (crossing_ && fading_ < fade_ticks_) {
    coming_->flags = coming_->session->step(sample, other_.data());
    coming_->taken = taken_;
    flags |= coming_->flags | kSwapping;
    const auto share = static_cast<float>(++fading_) / static_cast<float>(fade_ticks_ + 1);
    for (std::size_t i = 0; i < last_.size(); ++i) answer[i] += share * (other_[i] - answer[i]);
  } else if (crossing_) {  // a chunk that goes on after the crossfade
    flags = coming_->flags = coming_->session->step(sample, answer);
    coming_->taken = taken_;
  }
  if (limiting_) flags |= limit(answer);
  for (std::size_t i = 0; i < last_.size(); ++i) before_[i] = std::exchange(last_[i], answer[i]);
  return flags;
}

std::uint32_t FollowingSession::limit(float* answer) LEARN_RT_REALTIME {
  std::uint32_t flags = 0;
  for (std::size_t i = 0; i < limiters_.size(); ++i) {
    if (!limited_[i]) continue;
    const float allowed = limiters_[i].next(answer[i]);
    if (allowed != answer[i]) flags = kLimited;
    answer[i] = allowed;
  }
  return flags;
}

void FollowingSession::settle() LEARN_RT_REALTIME {
  current_->session->settle();
  if (crossing_) return coming_->session->settle();
  if (follower_->offered_.load(std::memory_order_relaxed) != nullptr) {
    if (coming_ != nullptr) retire(coming_);
    coming_ = follower_->offered_.exchange(nullptr, std::memory_order_acquire);
    unfit_ = 0;
  }
  if (coming_ != nullptr) follow(static_cast<std::size_t>(taken_ - settled_) + kCatchUp);
  settled_ = taken_;
}

// Lets the coming version take up to `most` samples of the stream.
void FollowingSession::follow(std::size_t most) LEARN_RT_REALTIME {
  Runner& coming = *coming_;
  for (std::size_t i = 0; i < most && coming.taken < taken_; ++i) {
    if (!follower_->history_.copy(coming.taken, sample_.data())) {  // too far behind: another is prepared
      return retire(std::exchange(coming_, nullptr));
    }
    coming.flags = coming.session->step(sample_.data(), other_.data());
    coming.session->settle();
    ++coming.taken;
    unfit_ = (coming.flags & kNoAnswer & ~current_->flags) != 0 ? unfit_ + 1 : 0;
  }
  if (unfit_ <= patience_) return;
  coming.unfit = true;
  retire(std::exchange(coming_, nullptr));
}

void FollowingSession::flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME {
  if (taken_ == 0) return current_->session->flush(answers, flags);
  const std::size_t ticks = preview();
  for (std::size_t i = 0; i < ticks; ++i) {
    std::copy(last_sample_.begin(), last_sample_.end(), sample_.begin());
    flags[i] = step(sample_.data(), answers + i * last_.size());
  }
}

}  // namespace learn_rt::serve
