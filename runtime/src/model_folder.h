#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "learn_rt/spec.h"

namespace learn_rt {

// Held-out windows and what the float64 module answered to them.
struct Golden {
  std::size_t n = 0;
  std::size_t steps = 1;       // samples that lead to an answer: the window, or a stateful model's sequence
  std::vector<float> x;        // [n, steps, n_features]
  std::vector<float> actions;  // [n, horizon, n_actions] of a rollout
  std::vector<double> y;       // [n, n_outputs]; of a rollout [n, horizon, n_outputs]
};

// A version folder whose files are those that SHA256SUMS lists, to the byte.
struct ModelFolder {
  std::filesystem::path path;
  Spec spec;
  Golden golden;
  std::string model_onnx;  // the files' bytes; empty: not there
  std::string step_onnx;

  // Throws std::runtime_error: the file and what is wrong with it.
  static ModelFolder read(const std::filesystem::path& version_folder);
};

}  // namespace learn_rt
