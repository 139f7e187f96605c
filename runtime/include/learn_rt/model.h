#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "learn_rt/footprint.h"
#include "learn_rt/rollout.h"
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

  // A session, warming up. The session keeps the model alive. Throws std::runtime_error: a model of kind rollout.
  virtual std::unique_ptr<Session> open() const = 0;

  // Answers whole windows: [batch, window, n_features] -> [batch, n_outputs], as model.onnx does. No envelope, no
  // ranges.
  virtual void infer(const float* windows, std::size_t batch, float* answers) const = 0;

  // What a session takes of the machine: to tell how near to its limit it runs.
  virtual Footprint footprint() const { return {}; }
  // Of a rollout.
  virtual Footprint rollout_footprint(std::size_t /*candidates*/, std::size_t /*horizon*/) const { return {}; }

  // A rollout session, its history empty; it keeps the model alive. Throws std::runtime_error: a model of another kind,
  // limits that cannot be, or threads that cannot be had.
  virtual std::unique_ptr<RolloutSession> open_rollout(const RolloutLimits& limits = {}) const;
  // Rolls out whole windows, [batch, window, n_features], with actions [batch, horizon, n_actions], to [batch, horizon,
  // n_outputs], as model.onnx does for the spec's horizon. Throws std::runtime_error: a model of another kind.
  virtual void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const;
};

}  // namespace learn_rt
