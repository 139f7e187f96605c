#include "deadline.h"

#include <cmath>

#include "learn_rt/flags.h"

namespace learn_rt::client {

DeadlinePolicy::DeadlinePolicy(const Spec& spec, OnMiss on_miss) : on_miss_(on_miss) {
  for (const Signal& signal : spec.outputs) {
    const auto nominal = static_cast<float>(signal.nominal);
    const Envelope envelope = signal.envelope.value_or(Envelope{1.0, 1.0, 1.0});
    const Output output{nominal, signal.envelope.has_value(), EnvelopeLimiter(envelope, spec.dt_s, nominal), nominal};
    outputs_.insert(outputs_.end(), signal.size(), output);
  }
}

void DeadlinePolicy::stand_at(const float* values) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    outputs_[i].limiter.reset(values[i]);
    outputs_[i].last = values[i];
  }
}

void DeadlinePolicy::answer(Prediction& prediction) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    hand_out(outputs_[i], prediction.values[i], prediction.values[i], prediction.flags);
}

void DeadlinePolicy::miss(Prediction& prediction, const float* nominal) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    Output& output = outputs_[i];
    float wanted = 0.0F;
    if (on_miss_ == OnMiss::kHold) wanted = output.last;
    // A nominal value that is not finite would get past the limiter's comparisons.
    if (on_miss_ == OnMiss::kNominal) wanted = nominal && std::isfinite(nominal[i]) ? nominal[i] : output.nominal;
    hand_out(output, wanted, prediction.values[i], prediction.flags);
  }
}

void DeadlinePolicy::hand_out(Output& output, float wanted, float& value, std::uint32_t& flags) LEARN_RT_REALTIME {
  value = output.limited ? output.limiter.next(wanted) : wanted;
  if (value != wanted) flags |= kLimited;
  output.last = value;
}

}  // namespace learn_rt::client
