#include "learn_rt/envelope.h"

#include <limits>

namespace learn_rt {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The spacing of floats at `value`: the coarsest inside the bound.
double spacing(double value) noexcept {
  const float at = static_cast<float>(value);
  return static_cast<double>(std::nextafter(at, kInfinity)) - static_cast<double>(at);
}

float round_down(double x) noexcept {
  const float y = static_cast<float>(x);
  return static_cast<double>(y) <= x ? y : std::nextafter(y, -kInfinity);
}

float round_up(double x) noexcept { return -round_down(-x); }

}  // namespace

double EnvelopeLimiter::finest_change(double value) noexcept { return 4.0 * spacing(value); }

EnvelopeLimiter::EnvelopeLimiter(const Envelope& envelope, double dt_s, double start) noexcept
    : value_(envelope.value),
      // More than any step and any change of it inside the value's bound says nothing, and could overflow.
      speed_(std::min(envelope.rate * dt_s, 2.0 * envelope.value)),
      change_(std::min(envelope.second * dt_s * dt_s, 4.0 * envelope.value)),
      braking_(std::max(change_ - 2.0 * spacing(envelope.value), 0.5 * change_)) {
  reset(start);
}

// The longest step that leaves a way to stop within `room`. After a step s, stopping as hard as allowed takes the steps
// s - b, s - 2b, ... down to 0: together (n + 1) s - b n (n + 1) / 2 with n = floor(s / b), which grows with s. So n is
// the largest with b n (n + 1) / 2 <= room.
double EnvelopeLimiter::furthest_step(double room) const LEARN_RT_REALTIME {
  if (!(room > 0.0)) return 0.0;
  const double n = std::floor(0.5 * (std::sqrt(1.0 + 8.0 * room / braking_) - 1.0));
  return (room + 0.5 * braking_ * n * (n + 1.0)) / (n + 1.0);
}

float EnvelopeLimiter::next(float wanted) LEARN_RT_REALTIME {
  const double target = std::isnan(wanted) ? last_ : static_cast<double>(wanted);
  const double low = std::max({-speed_, step_ - change_, -furthest_step(value_ + last_)});
  const double high = std::min({speed_, step_ + change_, furthest_step(value_ - last_)});
  float given = static_cast<float>(target);
  // Differences of floats are exact in double, sums are not: so the bound is checked once more after rounding inwards.
  if (target - last_ > high) {
    given = round_down(std::min(last_ + high, value_));
    if (static_cast<double>(given) - last_ > high) given = std::nextafter(given, -kInfinity);
  } else if (target - last_ < low) {
    given = round_up(std::max(last_ + low, -value_));
    if (static_cast<double>(given) - last_ < low) given = std::nextafter(given, kInfinity);
  }
  step_ = static_cast<double>(given) - last_;
  last_ = given;
  return given;
}

}  // namespace learn_rt
