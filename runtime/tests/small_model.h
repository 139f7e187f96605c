#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/model.h"
#include "model_writer.h"

namespace learn_rt::testing {

// A made-up model with a window of 6 samples of 3 features, 2 outputs: an LSTM on increments beside a linear path over
// the window's older samples, as step.onnx. Its answers are also computed here, in double, by plain loops over whole
// windows.
class SmallModel {
 public:
  static constexpr std::size_t kWindow = 6, kFeatures = 3, kOutputs = 2, kHidden = 11, kPreview = 2;

  explicit SmallModel(unsigned seed = 7);
  ~SmallModel();
  SmallModel(const SmallModel&) = delete;
  SmallModel& operator=(const SmallModel&) = delete;

  const std::filesystem::path& folder() const { return folder_; }
  std::shared_ptr<const Model> load() const { return Model::load(folder_, "native"); }

  // The answer to one window [kWindow, kFeatures].
  std::vector<double> answer(const float* window) const;

  // A random walk [n, kFeatures].
  static std::vector<float> walk(std::size_t n, unsigned seed = 1);

  // Writes the folder again with other keys in the outputs of its spec, such as an envelope.
  void write(const std::string& output_keys, const std::string& input_keys = "");

  // Gives states, by name, the scope stream.
  void share(const std::vector<std::string>& states) {
    shared_ = states;
    write("");
  }

 private:
  std::string step_onnx() const;
  Golden golden() const;

  std::filesystem::path folder_;
  std::vector<float> wx_, wh_, b_, wy_, wt_;
  std::vector<std::string> shared_{"tail"};
};

}  // namespace learn_rt::testing
