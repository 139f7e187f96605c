#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "learn_rt/client_options.h"
#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

// What is to be done with the values of a sample before it goes to the model, signal by signal. Control thread only.
class InputGuard {
 public:
  // Values that are not fit before any was are taken from `rest`; without one, 0 or the end of range_valid next to it
  // stands in. Throws std::runtime_error: a policy that cannot be.
  InputGuard(const Spec& spec, const std::vector<InputPolicy>& policies, const std::vector<float>& rest);

  // Writes the sample as the model is to see it (n_features values). Returns Flag bits: kReplaced, kUnfit.
  std::uint32_t pass(const float* sample, float* out) LEARN_RT_REALTIME;

 private:
  struct Place {
    std::size_t signal;
    double scale, offset, valid_low, valid_high;  // as the model judges it: value * scale + offset
    float low, high;                              // the values that are fit
    float last;                                   // fit
    bool newest;                                  // of its signal's history
    float seen = 0.0F;                            // as it came
  };
  struct Watched {
    OnInput not_finite, out_of_range, stale;
    std::uint64_t stale_ticks, hold_ticks;  // 0: no limit
    std::uint64_t unchanged = 0, held = 0;  // ticks
    bool changed = false, replaced = false;
  };
  void guard(const Place& place, OnInput action, float& value, std::uint32_t& flags) LEARN_RT_REALTIME;

  const std::size_t n_features_;
  std::vector<Place> places_;  // none without a policy, nor signals: every sample passes
  std::vector<Watched> signals_;
  bool first_ = true;
};

}  // namespace learn_rt::client
