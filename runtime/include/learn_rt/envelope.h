#pragma once

#include <algorithm>
#include <cmath>

#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// Keeps one output inside its envelope: |y| <= value, |dy| <= rate dt, |d2y| <= second dt^2, for every sequence of
// requests. It never lets the output run so fast that it could not stop before the value's bound, so a bound is never met by
// breaking another. A sequence that keeps to the envelope passes unchanged, to the bit.
class EnvelopeLimiter {
 public:
  EnvelopeLimiter(const Envelope& envelope, double dt_s, double start = 0.0) noexcept
      : value_(envelope.value),
        speed_(envelope.rate * dt_s),
        change_(envelope.second * dt_s * dt_s),
        last_(start) {}

  // Forgets the past: the output stands at `value`.
  void reset(double value) LEARN_RT_REALTIME {
    last_ = value;
    step_ = 0.0;
  }

  // Returns the value nearest to `wanted` that the envelope allows next.
  float next(float wanted) LEARN_RT_REALTIME;

  double last() const LEARN_RT_REALTIME { return last_; }

 private:
  double value_, speed_, change_;  // per tick
  double last_;
  double step_ = 0.0;  // last difference
};

}  // namespace learn_rt
