#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "arm.h"
#include "learn_rt/model.h"

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

  std::size_t n_features() const noexcept override { return sizes_.n_features(); }
  std::size_t n_outputs() const noexcept override { return sizes_.n_outputs(); }
  const std::string& what() const noexcept override { return model_->backend(); }

 private:
  RolloutSizes sizes_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<RolloutSession> session_;
  std::vector<std::uint32_t> flags_;
};

}  // namespace learn_rt::bench
