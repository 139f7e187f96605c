#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "learn_rt/session.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// A loaded version folder. Immutable: any thread may open sessions on it.
class Model {
 public:
  virtual ~Model() = default;

  // Loads <model>/<version>/ and replays its golden samples. `backend` is native, onnxruntime, torchscript, or auto:
  // the first of these that can run the model and passes. Throws std::runtime_error with the cause.
  static std::shared_ptr<const Model> load(const std::filesystem::path& version_folder,
                                           const std::string& backend = "auto");

  virtual const Spec& spec() const noexcept = 0;
  // "native", "onnxruntime" or "torchscript".
  virtual const std::string& backend() const noexcept = 0;
  // One line for people: the backend taken, and why the ones before it were not.
  virtual const std::string& choice() const noexcept = 0;

  // A session, warming up. The session keeps the model alive.
  virtual std::unique_ptr<Session> open() const = 0;

  // Answers whole windows: [batch, window, n_features] -> [batch, n_outputs], as model.onnx does. No envelope, no
  // ranges.
  virtual void infer(const float* windows, std::size_t batch, float* answers) const = 0;
};

}  // namespace learn_rt
