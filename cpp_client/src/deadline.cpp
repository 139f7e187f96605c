#include "deadline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "learn_rt/flags.h"

namespace learn_rt::client {

std::vector<std::optional<Envelope>> envelopes_of(const Spec& spec, const std::vector<OutputEnvelope>& tightened) {
  std::vector<std::optional<Envelope>> envelopes;
  for (const Signal& signal : spec.outputs) envelopes.push_back(signal.envelope);
  for (const auto& [output, bounds] : tightened) {
    const auto named = [name = output](const Signal& signal) { return signal.name == name; };
    const auto found = std::find_if(spec.outputs.begin(), spec.outputs.end(), named);
    if (found == spec.outputs.end()) throw std::runtime_error("envelope: the model has no output " + output);
    for (const double bound : {bounds.value, bounds.rate, bounds.second}) {
      if (!std::isfinite(bound) || bound <= 0.0)
        throw std::runtime_error("envelope of " + output + ": value, rate and second must be finite and above 0");
    }
    auto& envelope = envelopes[static_cast<std::size_t>(found - spec.outputs.begin())];
    const Envelope spec_s = envelope.value_or(bounds);
    envelope = Envelope{std::min(bounds.value, spec_s.value), std::min(bounds.rate, spec_s.rate),
                        std::min(bounds.second, spec_s.second)};
    if (envelope->value > std::numeric_limits<float>::max() ||
        envelope->second * spec.dt_s * spec.dt_s < EnvelopeLimiter::finest_change(envelope->value))
      throw std::runtime_error("envelope of " + output + ": second * dt_s^2 is finer than a float at `value` can keep");
  }
  return envelopes;
}

DeadlinePolicy::DeadlinePolicy(const Spec& spec, OnMiss on_miss, const std::vector<OutputEnvelope>& tightened)
    : on_miss_(on_miss) {
  const auto envelopes = envelopes_of(spec, tightened);
  for (std::size_t i = 0; i < envelopes.size(); ++i) {
    const Signal& signal = spec.outputs[i];
    const auto nominal = static_cast<float>(signal.nominal);
    const Envelope envelope = envelopes[i].value_or(Envelope{1.0, 1.0, 1.0});
    Output output{nominal, envelopes[i].has_value(), EnvelopeLimiter(envelope, spec.dt_s, nominal), nominal};
    if (output.limited) output.last = static_cast<float>(output.limiter.last());
    outputs_.insert(outputs_.end(), signal.size(), output);
  }
}

void DeadlinePolicy::stand_at(const float* values) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].limiter.reset(values[i]);
    outputs_[i].last = values[i];
  }
}

void DeadlinePolicy::answer(float* values, std::uint32_t& flags) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) hand_out(outputs_[i], values[i], values[i], flags);
}

void DeadlinePolicy::miss(float* values, std::uint32_t& flags, const float* given) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    // A value that is not finite would get past the limiter's comparisons.
    const bool usable = given != nullptr && std::isfinite(given[i]);
    float wanted = 0.0F;
    if (on_miss_ == OnMiss::kHold) wanted = output.last;
    if (on_miss_ == OnMiss::kNominal) wanted = usable ? given[i] : output.nominal;
    if (on_miss_ == OnMiss::kFallback) wanted = usable ? given[i] : output.last;
    hand_out(output, wanted, values[i], flags);
  }
}

void DeadlinePolicy::hold(float* values, std::uint32_t& flags) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) hand_out(outputs_[i], outputs_[i].last, values[i], flags);
}

void DeadlinePolicy::hand_out(Output& output, float wanted, float& value, std::uint32_t& flags) LEARN_RT_REALTIME {
  value = output.limited ? output.limiter.next(wanted) : wanted;
  if (value != wanted) flags |= kLimited;
  output.last = value;
}

}  // namespace learn_rt::client
