#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_rt/rollout_client.h"
#include "rollout_arm.h"

namespace learn_rt::bench {

// Rollouts of a served model, through the C++ client as a planner asks for them.
class RolloutClientArm final : public Arm {
 public:
  static constexpr std::chrono::seconds kPatience{1};  // as ClientArm's

  // Throws std::runtime_error when there is no stream to be had.
  RolloutClientArm(const std::string& address, const std::string& model, RolloutSizes sizes)
      : address_(address), sizes_(sizes), flags_(sizes.candidates) {
    RolloutClientOptions options;
    options.max_candidates = sizes.candidates;
    options.max_horizon = sizes.horizon;
    client_ = RolloutClient::connect(address, model, options);
  }

  // Throws std::runtime_error when no answer comes at all.
  std::uint32_t answer(const float* sample, float* values) override {
    client_->observe(sample, sizes_.action(sample));
    last_ = client_->rollout(sizes_.plans(sample), sizes_.candidates, sizes_.horizon, kPatience, values, flags_.data());
    if (!last_.answered()) {
      const std::string why = client_->last_error();
      throw std::runtime_error("no rollout from " + address_ + " within 1 s" + (why.empty() ? "" : ": " + why));
    }
    return last_.flags;
  }

  // A rollout's client knows the server's share; the rest is the wire, with both its ends.
  Stages stages(std::int64_t call_ns) const noexcept override {
    Stages stages;
    stages.compute = last_.compute_ns;
    stages.wire = call_ns - last_.compute_ns;
    return stages;
  }

  std::size_t n_features() const noexcept override { return sizes_.n_features(); }
  std::size_t n_outputs() const noexcept override { return sizes_.n_outputs(); }
  const std::string& what() const noexcept override { return address_; }

 private:
  std::string address_;
  RolloutSizes sizes_;
  std::unique_ptr<RolloutClient> client_;
  std::vector<std::uint32_t> flags_;
  RolloutOutcome last_;
};

}  // namespace learn_rt::bench
