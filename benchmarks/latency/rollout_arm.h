#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "arm.h"
#include "learn_rt/model.h"
#include "learn_rt/rollout_client.h"

namespace learn_rt::bench {

// How a rollout lies in a sample: the newest state, the action before it, then the candidates' actions [candidates,
// horizon, n_actions]. The answer is their states.
struct RolloutSizes {
  std::size_t n_states, n_actions, candidates, horizon;

  std::size_t n_features() const noexcept { return n_states + n_actions + candidates * horizon * n_actions; }
  std::size_t n_outputs() const noexcept { return candidates * horizon * n_states; }
  const float* action(const float* sample) const noexcept { return sample + n_states; }
  const float* plans(const float* sample) const noexcept { return sample + n_states + n_actions; }
};

// A tick of a planner in this process: it observes, and rolls its candidates out.
class RolloutArm final : public Arm {
 public:
  // Throws std::runtime_error when the folder cannot be loaded.
  RolloutArm(const std::filesystem::path& version_folder, const std::string& backend, RolloutSizes sizes,
             std::size_t threads)
      : sizes_(sizes),
        model_(Model::load(version_folder, backend)),
        session_(model_->open_rollout({sizes.candidates, sizes.horizon, threads})),
        flags_(sizes.candidates) {}

  std::uint32_t answer(const float* sample, float* values) override {
    const std::uint32_t observed = session_->observe(sample, sizes_.action(sample));
    return observed | session_->rollout(sizes_.plans(sample), sizes_.candidates, sizes_.horizon, values, flags_.data());
  }
  Stages stages(std::int64_t call_ns) const noexcept override {
    Stages stages;
    stages.compute = call_ns;
    return stages;
  }

  std::size_t n_features() const noexcept override { return sizes_.n_features(); }
  std::size_t n_outputs() const noexcept override { return sizes_.n_outputs(); }
  const std::string& what() const noexcept override { return model_->backend(); }

 private:
  RolloutSizes sizes_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<RolloutSession> session_;
  std::vector<std::uint32_t> flags_;
};

// The same of a served model, through the C++ client as a planner does it.
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
