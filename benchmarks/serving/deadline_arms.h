#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "arm.h"
#include "learn_rt/client.h"
#include "learn_rt/doorbell.h"
#include "learn_rt/spec.h"

namespace learn_rt::bench {

// A client whose server does not answer in time: predict() must return by the deadline, with the policy's answer,
// marked as such, inside the envelope.
class DeadlineArm final : public Arm {
 public:
  // Throws std::runtime_error when there is no stream to be had.
  DeadlineArm(const std::string& address, const std::string& model, std::int64_t deadline_ns)
      : address_(address), deadline_(deadline_ns), client_(Client::connect(address, model, patient())) {
    const Spec spec = Spec::parse(client_->spec_json());
    n_features_ = spec.n_features();
    for (const Signal& signal : spec.outputs) {
      const Output output{signal.envelope.has_value(), signal.envelope.value_or(Envelope{}), 0.0, 0.0};
      outputs_.insert(outputs_.end(), signal.size(), output);
    }
    dt_s_ = spec.dt_s;
  }

  std::uint32_t answer(const float* sample, float* values) override {
    const Prediction prediction = client_->predict(sample, deadline_);
    std::copy_n(prediction.values, outputs_.size(), values);
    ++calls_;
    if ((prediction.flags & (kLate | kDisconnected)) == 0) ++in_time_;
    for (std::size_t i = 0; i < outputs_.size(); ++i) outside_ += leaves_envelope(outputs_[i], values[i]) ? 1 : 0;
    return prediction.flags;
  }

  Stages stages(std::int64_t) const noexcept override { return {}; }
  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return outputs_.size(); }
  const std::string& what() const noexcept override { return address_; }

  std::uint64_t calls() const noexcept { return calls_; }
  std::uint64_t in_time() const noexcept { return in_time_; }  // answers that came, so that no policy was needed
  std::uint64_t outside() const noexcept { return outside_; }  // values that left the envelope

 private:
  struct Output {
    bool limited;
    Envelope envelope;
    double last, step;
  };

  // A full ring, or a stream given up, would let predict() return at once: here it is to wait each time.
  static ClientOptions patient() {
    ClientOptions options;
    options.capacity = 1 << 18;
    options.connect_timeout = std::chrono::minutes(10);
    return options;
  }

  bool leaves_envelope(Output& output, float value) const noexcept {
    const double step = calls_ == 1 ? 0.0 : value - output.last;
    const double change = calls_ == 1 ? 0.0 : step - output.step;
    output.last = value;
    output.step = step;
    if (!std::isfinite(value)) return true;
    if (!output.limited) return false;
    return !(std::fabs(value) <= output.envelope.value && std::fabs(step) <= output.envelope.rate * dt_s_ &&
             std::fabs(change) <= output.envelope.second * dt_s_ * dt_s_);
  }

  std::string address_;
  std::chrono::nanoseconds deadline_;
  std::unique_ptr<Client> client_;
  std::size_t n_features_ = 0;
  double dt_s_ = 0.0;
  std::vector<Output> outputs_;
  std::uint64_t calls_ = 0, in_time_ = 0, outside_ = 0;
};

// The same wait without a client: a futex that nobody wakes.
class BareWaitArm final : public Arm {
 public:
  BareWaitArm(std::int64_t deadline_ns, std::size_t n_features, std::size_t n_outputs)
      : deadline_ns_(deadline_ns), n_features_(n_features), n_outputs_(n_outputs) {}

  std::uint32_t answer(const float*, float* values) override {
    const std::int64_t until = learn_rt::now_ns() + deadline_ns_;
    bell_.wait([] { return false; }, until);
    std::fill_n(values, n_outputs_, 0.0F);
    return 0;
  }

  Stages stages(std::int64_t) const noexcept override { return {}; }
  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return n_outputs_; }
  const std::string& what() const noexcept override { return what_; }

 private:
  std::int64_t deadline_ns_;
  std::size_t n_features_, n_outputs_;
  Doorbell bell_;
  std::string what_ = "a futex with a timeout";
};

}  // namespace learn_rt::bench
