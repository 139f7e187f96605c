#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "arm.h"
#include "learn_rt/model.h"

namespace learn_rt::bench {

// The runtime in this process: step() is timed, settle() runs after the answer.
class SessionArm final : public Arm {
 public:
  // Throws std::runtime_error when the folder cannot be loaded.
  SessionArm(const std::filesystem::path& version_folder, const std::string& backend)
      : model_(Model::load(version_folder, backend)), session_(model_->open()) {
    session_->begin(nullptr);
  }

  std::uint32_t answer(const float* sample, float* values) override { return session_->step(sample, values); }
  void settle() override { session_->settle(); }

  std::size_t n_features() const noexcept override { return session_->n_features(); }
  std::size_t n_outputs() const noexcept override { return session_->n_outputs(); }
  const std::string& what() const noexcept override { return model_->backend(); }

 private:
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Session> session_;
};

}  // namespace learn_rt::bench
