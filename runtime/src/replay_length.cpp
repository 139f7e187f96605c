#include <algorithm>
#include <cmath>

#include "learn_rt/spec.h"

namespace learn_rt {
namespace {

constexpr std::size_t kMaxCatchUp = 4096;  // ticks

}  // namespace

std::size_t replay_length(const Spec& spec) {
  double catch_up_s = 0.0;
  for (const Signal& signal : spec.outputs) {
    if (!signal.envelope) continue;
    // From rest to rest over the whole range, along the fastest path that the envelope allows.
    const auto [value, rate, second] = *signal.envelope;
    const double range = 2.0 * value;
    const double ramp_s = rate / second;
    catch_up_s = std::max(catch_up_s, range > rate * ramp_s ? range / rate + ramp_s : 2.0 * std::sqrt(range / second));
  }
  const double ticks = std::min(std::ceil(catch_up_s / spec.dt_s), static_cast<double>(kMaxCatchUp));
  return spec.memory() - 1 + static_cast<std::size_t>(ticks);
}

}  // namespace learn_rt
