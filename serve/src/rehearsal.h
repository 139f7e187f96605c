#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "learn_rt/doorbell.h"
#include "learn_rt/realtime.h"

namespace learn_rt::serve {

// When a thread that polls for a stream's samples is to rehearse the next step (Session::rehearse): shortly before the
// sample is due, and, if asked, again and again until it comes, because what others do to the caches goes on. It is due
// as long after the last as that came after the one before, so that a client that asks more often than the model's rate
// is waited for in time.
class Rehearsal {
 public:
  static constexpr std::int64_t kGuardNs = 150'000;  // a sleeper wakes up to this late: timer slack and scheduling
  static constexpr std::int64_t kAgainNs = 10'000;

  Rehearsal(std::int64_t period_ns, bool again) : period_ns_(period_ns), again_(again), pace_ns_(period_ns) {}

  // A sample came, and its answer took so long.
  void answered(std::int64_t arrival_ns, std::int64_t took_ns) LEARN_RT_REALTIME {
    if (arrival_ns_ != 0) pace_ns_ += (std::min(arrival_ns - arrival_ns_, period_ns_) - pace_ns_) / 4;
    arrival_ns_ = arrival_ns;
    took_ns_ = took_ns;
    // A longer one could hold up the sample that it is for.
    const bool none = took_ns > kGuardNs / 2 || pace_ns_ < 2 * kGuardNs;
    next_ns_ = none ? kNever : nearly_due_ns();
  }
  std::int64_t nearly_due_ns() const LEARN_RT_REALTIME { return due_ns() - kGuardNs; }
  bool wanted(std::int64_t now_ns) const LEARN_RT_REALTIME {
    if (now_ns < next_ns_) return false;
    const std::int64_t away_ns = std::abs(now_ns - due_ns());
    return !again_ || (away_ns > 2 * took_ns_ && away_ns < kGuardNs);  // one just before the sample would hold it up
  }
  void done(std::int64_t now_ns) LEARN_RT_REALTIME {
    next_ns_ = again_ ? now_ns + std::max(kAgainNs, 4 * took_ns_) : kNever;
  }

 private:
  std::int64_t due_ns() const LEARN_RT_REALTIME { return arrival_ns_ + pace_ns_; }

  const std::int64_t period_ns_;
  const bool again_;
  std::int64_t pace_ns_;
  std::int64_t arrival_ns_ = 0, took_ns_ = 0;  // of the last sample; 0: none yet
  std::int64_t next_ns_ = kNever;
};

}  // namespace learn_rt::serve
