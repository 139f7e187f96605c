#pragma once

#include <vector>

#include "learn_rt/client.h"
#include "learn_rt/envelope.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

// Decides what the control thread is given, and keeps it inside the envelope of each output: the model's answers and
// those that stand in for them form one sequence, tick by tick. Control thread only.
class DeadlinePolicy {
 public:
  DeadlinePolicy(const Spec& spec, OnMiss on_miss);

  // The outputs stand at `values` before the first tick; without this call, at the spec's nominal values.
  void stand_at(const float* values) LEARN_RT_REALTIME;

  // A model's answer: changed only where the envelope demands it, after a miss.
  void answer(Prediction& prediction) LEARN_RT_REALTIME;

  // Fills in the policy's answer. `nominal`: n_outputs values, or null for the spec's.
  void miss(Prediction& prediction, const float* nominal) LEARN_RT_REALTIME;

 private:
  struct Output {
    float nominal;
    bool limited;  // whether the spec gives it an envelope
    EnvelopeLimiter limiter;
    float last;
  };
  void hand_out(Output& output, float wanted, float& value, std::uint32_t& flags) LEARN_RT_REALTIME;

  OnMiss on_miss_;
  std::vector<Output> outputs_;
};

}  // namespace learn_rt::client
