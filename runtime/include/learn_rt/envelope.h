#pragma once

#include <algorithm>
#include <cmath>

#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// Keeps one output inside its envelope: |y| <= value, |dy| <= rate dt, |d2y| <= second dt^2, for every sequence of
// requests. It never lets the output run so fast that it could not stop before the value's bound, so a bound is never
// met by breaking another. A sequence that keeps to the envelope passes unchanged, to the bit.
//
// The bounds hold for the float values given out, differences taken in double. For that, stopping is planned with two
// float spacings (at the value's bound) less than `second` allows a tick; `second` dt^2 must be at least four of them.
class EnvelopeLimiter {
 public:
  EnvelopeLimiter(const Envelope& envelope, double dt_s, double start = 0.0) noexcept;

  // The smallest `second` dt^2 that the bounds can be kept with, for a value's bound.
  static double finest_change(double value) noexcept;

  // Forgets the past: the output stands at `value`, or at the bound next to it; without a number, at 0.
  void reset(double value) LEARN_RT_REALTIME {
    last_ = std::isnan(value) ? 0.0 : std::clamp(value, -value_, value_);
    step_ = 0.0;
  }

  // Goes on from two values in turn that another limiter gave out.
  void resume(double before, double last) LEARN_RT_REALTIME {
    last_ = last;
    step_ = last - before;
  }

  // Takes over what last() and step() of another limiter with these bounds were. False: it cannot have been there, and
  // nothing changes.
  bool restore(double last, double step) LEARN_RT_REALTIME {
    if (!(std::fabs(last) <= value_ && std::fabs(step) <= speed_)) return false;
    last_ = last;
    step_ = step;
    return true;
  }

  // Returns the value nearest to `wanted` that the envelope allows next; without a number in `wanted`, to the last
  // value.
  float next(float wanted) LEARN_RT_REALTIME;

  double last() const LEARN_RT_REALTIME { return last_; }
  double step() const LEARN_RT_REALTIME { return step_; }

 private:
  double furthest_step(double room) const LEARN_RT_REALTIME;

  double value_, speed_, change_;  // per tick
  double braking_;                 // change per tick that stopping is planned with
  double last_ = 0.0;
  double step_ = 0.0;  // last difference
};

}  // namespace learn_rt
