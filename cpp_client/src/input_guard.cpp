#include "input_guard.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>

#include "learn_rt/flags.h"
#include "learn_rt/observation.h"

namespace learn_rt::client {
namespace {

bool is_time(double seconds) { return seconds >= 0.0 && seconds <= 1e9; }

const InputPolicy& policy_of(const Signal& signal, const std::vector<InputPolicy>& policies) {
  static const InputPolicy none;
  const InputPolicy* found = &none;
  for (const InputPolicy& policy : policies) {
    if (policy.signal == signal.name) return policy;
    if (policy.signal.empty()) found = &policy;
  }
  return *found;
}

void check(const InputPolicy& policy, const Spec& spec) {
  const std::string where = "inputs, " + (policy.signal.empty() ? "every signal" : "signal " + policy.signal) + ": ";
  const auto named = [&](const Signal& signal) { return signal.name == policy.signal; };
  if (!policy.signal.empty() && std::none_of(spec.inputs.begin(), spec.inputs.end(), named))
    throw std::runtime_error(where + "the model has no such input");
  if (policy.not_finite == OnInput::kClamp)
    throw std::runtime_error(where + "not_finite must be pass, hold or miss: what is no number has no nearest one");
  if (policy.stale != OnInput::kPass && policy.stale != OnInput::kMiss)
    throw std::runtime_error(where + "stale must be pass or miss: a stale value is its own last one");
  if (!is_time(policy.stale_s) || !is_time(policy.hold_s))
    throw std::runtime_error(where + "stale_s and hold_s must be from 0 to 1e9 seconds");
  if ((policy.stale == OnInput::kMiss) != (policy.stale_s > 0.0))
    throw std::runtime_error(where + "stale and stale_s go together");
}

// The float nearest to the bound at which `fits` holds, from a start that rounding may have put outside.
template <typename Fits>
float inwards(double start, float towards, Fits&& fits) {
  const double largest = std::numeric_limits<float>::max();
  auto value = static_cast<float>(std::clamp(start, -largest, largest));
  for (int i = 0; i < 16 && !fits(value); ++i) value = std::nextafter(value, towards);
  return value;
}

}  // namespace

InputGuard::InputGuard(const Spec& spec, const std::vector<InputPolicy>& policies, const std::vector<float>& rest)
    : n_features_(spec.n_features()) {
  if (policies.empty()) return;
  for (const InputPolicy& policy : policies) check(policy, spec);
  const auto ticks = [&](double seconds) { return static_cast<std::uint64_t>(std::llround(seconds / spec.dt_s)); };
  for (const Signal& signal : spec.inputs) {
    const InputPolicy& policy = policy_of(signal, policies);
    signals_.push_back({policy.not_finite, policy.out_of_range, policy.stale,
                        policy.stale_s > 0.0 ? std::max<std::uint64_t>(ticks(policy.stale_s), 1) : 0,
                        policy.hold_s > 0.0 ? std::max<std::uint64_t>(ticks(policy.hold_s), 1) : 0});
  }
  const double infinity = std::numeric_limits<double>::infinity();
  for (const Piece& piece : pieces(spec.inputs)) {
    const Signal& signal = spec.inputs[piece.signal];
    const auto [valid_low, valid_high] = signal.range_valid.value_or(std::pair{-infinity, infinity});
    for (std::size_t i = 0; i < piece.size; ++i) {
      Place place{piece.signal, signal.scale[i], signal.offset[i], valid_low, valid_high, 0.0F, 0.0F,
                  0.0F,         piece.lag == 0};
      const auto fits = [&](float value) {
        const double physical = static_cast<double>(value) * place.scale + place.offset;
        return std::isfinite(physical) && physical >= place.valid_low && physical <= place.valid_high;
      };
      double ends[2] = {(valid_low - place.offset) / place.scale, (valid_high - place.offset) / place.scale};
      if (place.scale < 0.0) std::swap(ends[0], ends[1]);
      place.high = inwards(ends[1], -std::numeric_limits<float>::infinity(), fits);
      place.low = inwards(ends[0], std::numeric_limits<float>::infinity(), fits);
      if (place.low > place.high)
        throw std::runtime_error("inputs, signal " + signal.name + ": range_valid holds no float");
      place.last = rest.empty() ? std::clamp(0.0F, place.low, place.high) : rest[places_.size()];
      places_.push_back(place);
    }
  }
}

std::uint32_t InputGuard::pass(const float* sample, float* out) LEARN_RT_REALTIME {
  std::copy_n(sample, n_features_, out);
  std::uint32_t flags = 0;
  for (Watched& signal : signals_) signal.changed = signal.replaced = false;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    Place& place = places_[i];
    Watched& signal = signals_[place.signal];
    float& value = out[i];
    // Bits, so that a NaN equals itself.
    if (place.newest && std::memcmp(&value, &place.seen, sizeof value) != 0) signal.changed = true;
    place.seen = value;
    if (!std::isfinite(value)) {
      guard(place, signal.not_finite, value, flags);
    } else if (value < place.low || value > place.high) {
      guard(place, signal.out_of_range, value, flags);
    }
    if (value >= place.low && value <= place.high) place.last = value;
  }
  for (Watched& signal : signals_) {
    signal.held = signal.replaced ? signal.held + 1 : 0;
    if (signal.hold_ticks != 0 && signal.held > signal.hold_ticks) flags |= kUnfit;
    signal.unchanged = signal.changed || first_ ? 0 : signal.unchanged + 1;
    if (signal.stale_ticks != 0 && signal.unchanged > signal.stale_ticks) flags |= kUnfit;
  }
  first_ = false;
  return flags;
}

void InputGuard::guard(const Place& place, OnInput action, float& value, std::uint32_t& flags) LEARN_RT_REALTIME {
  if (action == OnInput::kPass) return;
  if (action == OnInput::kClamp) {
    value = std::clamp(value, place.low, place.high);
  } else {
    value = place.last;
  }
  flags |= action == OnInput::kMiss ? kReplaced | kUnfit : +kReplaced;
  signals_[place.signal].replaced = true;
}

}  // namespace learn_rt::client
