#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "arm.h"
#include "learn_rt/client.h"

namespace learn_rt::bench {

// A served model, asked through the C++ client as a control loop does it.
class ClientArm final : public Arm {
 public:
  // Far beyond every budget: a late answer is to be seen as late as it is, not cut off where a control loop would stop
  // waiting.
  static constexpr std::chrono::seconds kPatience{1};

  // Throws std::runtime_error when there is no stream to be had.
  ClientArm(const std::string& address, const std::string& model, bool spin, std::size_t n_features,
            std::size_t n_outputs)
      : address_(address), n_features_(n_features), n_outputs_(n_outputs) {
    ClientOptions options;
    options.wait = spin ? Wait::kSpin : Wait::kDoze;
    client_ = Client::connect(address, model, options);
  }

  // Throws std::runtime_error when no answer comes at all: that is no latency, it is a fault.
  std::uint32_t answer(const float* sample, float* values) override {
    last_ = client_->predict(sample, kPatience);
    if ((last_.flags & (kLate | kDisconnected)) != 0) {
      const std::string why = client_->last_error();
      throw std::runtime_error("no answer from " + address_ + " within 1 s" + (why.empty() ? "" : ": " + why));
    }
    std::copy_n(last_.values, n_outputs_, values);
    return last_.flags;
  }

  void rehearse() override { client_->rehearse(); }

  Stages stages(std::int64_t call_ns) const noexcept override {
    Stages stages;
    stages.queue = last_.queue_ns;
    stages.compute = last_.compute_ns;
    stages.wire = last_.wire_ns;
    stages.wake_up = call_ns - last_.queue_ns - last_.wire_ns - last_.compute_ns;
    return stages;
  }

  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return n_outputs_; }
  const std::string& what() const noexcept override { return address_; }

 private:
  std::string address_;
  std::size_t n_features_, n_outputs_;
  std::unique_ptr<Client> client_;
  Prediction last_;
};

}  // namespace learn_rt::bench
