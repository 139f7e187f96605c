#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "learn_rt/client_options.h"
#include "learn_rt/envelope.h"
#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

// The envelope of each output signal: the spec's, as the client tightens it. Throws std::runtime_error: no such output,
// or bounds that cannot be kept.
std::vector<std::optional<Envelope>> envelopes_of(const Spec& spec, const std::vector<OutputEnvelope>& tightened);

// Decides what the control thread is given, and keeps it inside the envelope of each output: the model's answers and
// those that stand in for them form one sequence, tick by tick. Control thread only.
class DeadlinePolicy {
 public:
  DeadlinePolicy(const Spec& spec, OnMiss on_miss, const std::vector<OutputEnvelope>& tightened = {});

  // The outputs stand at `values` before the first tick; without this call, at the spec's nominal values.
  void stand_at(const float* values) LEARN_RT_REALTIME;

  // A model's answer (n_outputs values): changed only where the envelope demands it, after a miss.
  void answer(float* values, std::uint32_t& flags) LEARN_RT_REALTIME;

  // Writes the policy's answer. `given`: n_outputs values of kNominal or kFallback, or null.
  void miss(float* values, std::uint32_t& flags, const float* given) LEARN_RT_REALTIME;

  // Writes the last value once more, or what comes next where it was moving.
  void hold(float* values, std::uint32_t& flags) LEARN_RT_REALTIME;

 private:
  struct Output {
    float nominal;
    bool limited;  // whether it has an envelope
    EnvelopeLimiter limiter;
    float last;
  };
  void hand_out(Output& output, float wanted, float& value, std::uint32_t& flags) LEARN_RT_REALTIME;

  OnMiss on_miss_;
  std::vector<Output> outputs_;
};

}  // namespace learn_rt::client
