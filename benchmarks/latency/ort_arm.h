#pragma once

#include <array>
#include <string>
#include <vector>

#include "arm.h"
#include "ort_graph.h"

namespace learn_rt::bench {

// A state of step.onnx: the input that takes it, the output that gives the next one, its shape with the batch axis.
struct OrtState {
  std::string input, output;
  std::vector<std::int64_t> shape;
};

// The baseline: ONNX Runtime on one thread; the states go back and forth between two sets of buffers.
class OrtArm final : public Arm {
 public:
  // `window` 0: the graph takes one sample [1, n_features]; else the last `window` of them [1, window, n_features].
  // Throws std::runtime_error when the library or the graph cannot be loaded.
  OrtArm(const std::string& library, const std::string& graph, std::size_t window, std::size_t n_features,
         std::size_t n_outputs, std::vector<OrtState> states);

  std::uint32_t answer(const float* sample, float* values) override;

  std::size_t n_features() const noexcept override { return n_features_; }
  std::size_t n_outputs() const noexcept override { return y_.size(); }
  const std::string& what() const noexcept override { return what_; }

 private:
  OrtGraph graph_;
  std::string what_ = "onnxruntime";
  std::size_t n_features_;
  std::vector<OrtState> states_;
  std::vector<float> x_, y_;
  std::array<std::vector<std::vector<float>>, 2> sets_;  // the states, twice
  std::vector<const char*> input_names_, output_names_;
  std::array<std::vector<void*>, 2> inputs_, outputs_;  // of each turn
  std::size_t turn_ = 0;
};

}  // namespace learn_rt::bench
