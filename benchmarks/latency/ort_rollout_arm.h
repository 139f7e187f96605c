#pragma once

#include <string>
#include <vector>

#include "ort_graph.h"
#include "rollout_arm.h"

namespace learn_rt::bench {

// The baseline of rollouts: ONNX Runtime on model.onnx, all candidates one batch, of the horizon that the graph has.
class OrtRolloutArm final : public Arm {
 public:
  // Throws std::runtime_error when the library or the graph cannot be loaded.
  OrtRolloutArm(const std::string& library, const std::string& graph, std::size_t window, RolloutSizes sizes,
                std::size_t threads);

  std::uint32_t answer(const float* sample, float* values) override;

  std::size_t n_features() const noexcept override { return sizes_.n_features(); }
  std::size_t n_outputs() const noexcept override { return sizes_.n_outputs(); }
  const std::string& what() const noexcept override { return what_; }

 private:
  OrtGraph graph_;
  std::string what_ = "onnxruntime";
  RolloutSizes sizes_;
  std::vector<float> history_;  // [window, row], the newest row's action not known yet
  std::vector<float> x_, actions_, y_;
  std::vector<const char*> input_names_{"x", "actions"}, output_names_{"y"};
  std::vector<void*> inputs_, outputs_;
};

}  // namespace learn_rt::bench
