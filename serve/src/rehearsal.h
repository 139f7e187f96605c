#pragma once

#include <algorithm>
#include <cstdint>

#include "learn_rt/realtime.h"

namespace learn_rt::serve {

// When a thread that polls for a stream's samples is to rehearse the next step (Session::rehearse): once, shortly
// before the sample is due. It is due as long after the last as that came after the one before, so that a client that
// asks more often than the model's rate is waited for in time.
class Rehearsal {
 public:
  static constexpr std::int64_t kGuardNs = 150'000;  // a sleeper wakes up to this late: timer slack and scheduling

  explicit Rehearsal(std::int64_t period_ns) : period_ns_(period_ns), pace_ns_(period_ns) {}

  // A sample came, and its answer took so long.
  void answered(std::int64_t arrival_ns, std::int64_t took_ns) LEARN_RT_REALTIME {
    if (arrival_ns_ != 0) pace_ns_ += (std::min(arrival_ns - arrival_ns_, period_ns_) - pace_ns_) / 4;
    arrival_ns_ = arrival_ns;
    // A longer one could hold up the sample that it is for.
    done_ = took_ns > kGuardNs / 2 || pace_ns_ < 2 * kGuardNs;
  }
  std::int64_t nearly_due_ns() const LEARN_RT_REALTIME { return arrival_ns_ + pace_ns_ - kGuardNs; }
  bool wanted() const LEARN_RT_REALTIME { return !done_; }
  void done() LEARN_RT_REALTIME { done_ = true; }

 private:
  std::int64_t period_ns_, pace_ns_;
  std::int64_t arrival_ns_ = 0;  // of the last sample; 0: none yet
  bool done_ = true;
};

}  // namespace learn_rt::serve
