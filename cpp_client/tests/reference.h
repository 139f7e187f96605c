#pragma once

#include <cmath>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "learn_rt/envelope.h"
#include "learn_rt/flags.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

inline const std::string kHash(64, 'a');

// A windowed model of two inputs and two outputs at 500 Hz; the first output has an envelope of 0.1 a tick and 0.04 a
// tick^2.
inline Spec reference_spec() {
  return Spec::parse(R"({"format": "learn_rt.spec/1", "contract_hash": ")" + kHash + R"(", "name": "reference",
    "kind": "window", "dt_s": 0.002, "window": 6, "preview": 3,
    "inputs": [{"name": "a", "unit": "mm"}, {"name": "b", "unit": "mm"}],
    "outputs": [{"name": "p", "unit": "mm", "nominal": 0.25, "envelope": {"value": 1.0, "rate": 50.0, "second": 10000.0}},
                {"name": "q", "unit": "mm"}]})");
}

// What the model answers, by its definition: p is a bounded weighted sum of `a`, q the sum of `b`, over the last 6
// samples.
class ReferenceSession {
 public:
  void begin(const std::vector<float>& rest) {
    window_.clear();
    limiter_ = EnvelopeLimiter(*spec_.outputs[0].envelope, spec_.dt_s, spec_.outputs[0].nominal);
    if (rest.empty()) return;
    window_.assign(spec_.window, {rest[0], rest[1]});
    limiter_.reset(raw().p);
  }

  std::uint32_t step(const float* sample, float* answer) {
    window_.push_back({sample[0], sample[1]});
    if (window_.size() > spec_.window) window_.pop_front();
    const bool warm = window_.size() == spec_.window;
    const Answer wanted = warm ? raw() : Answer{static_cast<float>(spec_.outputs[0].nominal), 0.0F};
    answer[0] = limiter_.next(wanted.p);
    answer[1] = wanted.q;
    return (warm ? 0U : +kWarmingUp) | (answer[0] != wanted.p ? +kLimited : 0U);
  }

 private:
  struct Sample {
    float a, b;
  };
  struct Answer {
    float p, q;
  };
  Answer raw() const {
    double p = 0.0, q = 0.0;
    for (std::size_t i = 0; i < window_.size(); ++i) {
      p += (1.0 + static_cast<double>(i)) * static_cast<double>(window_[i].a);
      q += static_cast<double>(window_[i].b);
    }
    return {static_cast<float>(0.9 * std::tanh(p / 21.0)), static_cast<float>(q)};
  }

  Spec spec_ = reference_spec();
  EnvelopeLimiter limiter_{*spec_.outputs[0].envelope, spec_.dt_s, spec_.outputs[0].nominal};
  std::deque<Sample> window_;
};

struct Answered {
  std::vector<float> values;  // [n, 2]
  std::vector<std::uint32_t> flags;
};

// A smooth path: two sines that start at (0.3, 1).
inline std::vector<float> smooth_path(std::size_t n) {
  std::vector<float> samples;
  for (std::size_t k = 0; k < n; ++k) {
    samples.push_back(static_cast<float>(0.3 + std::sin(0.01 * static_cast<double>(k))));
    samples.push_back(static_cast<float>(std::cos(0.037 * static_cast<double>(k))));
  }
  return samples;
}

// The answers that an undisturbed stream gives, the last sample standing for `standing` more ticks.
inline Answered reference_answers(const std::vector<float>& samples, const std::vector<float>& rest = {},
                                  std::size_t standing = 0) {
  ReferenceSession session;
  session.begin(rest);
  const std::size_t n = samples.size() / 2;
  Answered answered{std::vector<float>(2 * (n + standing)), std::vector<std::uint32_t>(n + standing)};
  for (std::size_t k = 0; k < n + standing; ++k)
    answered.flags[k] = session.step(&samples[2 * std::min(k, n - 1)], &answered.values[2 * k]);
  return answered;
}

}  // namespace learn_rt::client
