#include "golden_check.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

namespace learn_rt {
namespace {

double golden_tolerance(const Engine& engine, const ModelFolder& folder) {
  if (engine.stores_weights() && folder.spec.weights != Weights::kFp32) return folder.spec.weights_tolerance;
  if (folder.spec.tolerance > 0) return folder.spec.tolerance;
  double scale = 0;
  for (const double y : folder.golden.y) scale = std::max(scale, std::abs(y));
  return 1e-5 * scale;
}

void compare(const std::string& what, std::size_t window, const float* y, const double* golden, std::size_t n_outputs,
             double tolerance) {
  for (std::size_t i = 0; i < n_outputs; ++i) {
    const double error = std::abs(static_cast<double>(y[i]) - golden[i]);
    if (error <= tolerance) continue;
    std::ostringstream text;
    text << "golden sample " << window << ": " << what << " is off by " << error << " in output " << i << ", tolerance "
         << tolerance;
    throw std::runtime_error(text.str());
  }
}

// Window k sample by sample, after whatever the stream was given before.
void check_steps(Stream& stream, const ModelFolder& folder, std::size_t k, const char* what, double tolerance) {
  const Golden& golden = folder.golden;
  const std::size_t sample = folder.spec.n_features(), n_outputs = folder.spec.n_outputs();
  std::vector<float> y(n_outputs);
  for (std::size_t t = 0; t < golden.steps; ++t) {
    stream.step(&golden.x[(k * golden.steps + t) * sample], y.data());
    if (t % 2 == 0) stream.settle();  // the other half of the steps does it by itself
  }
  compare(what, k, y.data(), &golden.y[k * n_outputs], n_outputs, tolerance);
}

// All windows as a whole. Step by step kStepped of them, since each is a window of steps with all its lanes, and a load
// must not take long: the first from a cold start, the others each after the one before, of which nothing may be left,
// and the first again once the stream has forgotten. What a stateful model was given before is its input: all of its
// sequences are stepped, each from a cold start.
void check_samples(const Engine& engine, const ModelFolder& folder, double tolerance) {
  constexpr std::size_t kStepped = 4;
  const Golden& golden = folder.golden;
  const std::unique_ptr<Stream> stream = engine.open();
  if (folder.spec.kind == Kind::kStateful) {
    for (std::size_t k = 0; k < golden.n; ++k) {
      stream->reset();
      check_steps(*stream, folder, k, "step by step", tolerance);
    }
    return;
  }
  const std::size_t n_outputs = folder.spec.n_outputs();
  std::vector<float> y(golden.n * n_outputs);
  engine.infer(golden.x.data(), golden.n, y.data());
  for (std::size_t k = 0; k < golden.n; ++k) {
    compare("the whole window", k, &y[k * n_outputs], &golden.y[k * n_outputs], n_outputs, tolerance);
  }
  const std::size_t every = folder.spec.kind == Kind::kWindow ? (golden.n + kStepped - 1) / kStepped : 1;
  for (std::size_t k = 0; k < golden.n; k += every) {
    check_steps(*stream, folder, k, k == 0 ? "step by step" : "after another window", tolerance);
  }
  stream->reset();
  check_steps(*stream, folder, 0, "step by step after a reset", tolerance);
}

// As a whole; and on a session, the history after another's rows, one candidate among others with the same actions.
void check_rollouts(const Engine& engine, const ModelFolder& folder, double tolerance) {
  const Spec& spec = folder.spec;
  const Golden& golden = folder.golden;
  const std::size_t row = spec.n_features(), n_states = spec.n_outputs(), n_actions = spec.n_actions();
  const std::size_t per_window = spec.window * row, in = spec.horizon * n_actions, out = spec.horizon * n_states;
  std::vector<float> y(golden.n * out);
  engine.infer_rollout(golden.x.data(), golden.actions.data(), golden.n, y.data());
  for (std::size_t k = 0; k < golden.n; ++k) {
    compare("the whole window", k, &y[k * out], &golden.y[k * out], out, tolerance);
  }
  constexpr std::size_t kCandidates = 3;
  RolloutLimits limits;
  limits.candidates = kCandidates;
  limits.horizon = spec.horizon;
  const std::unique_ptr<RolloutStream> stream = engine.open_rollout(limits);
  std::vector<float> actions(kCandidates * in), states(kCandidates * out);
  for (std::size_t k = 0; k < golden.n; ++k) {
    const float* window = &golden.x[k * per_window];
    for (std::size_t t = 0; t + 1 < spec.window; ++t) stream->close_row(window + t * row);
    for (std::size_t c = 0; c < kCandidates; ++c) {
      std::copy_n(&golden.actions[(k + c) % golden.n * in], in, &actions[c * in]);
    }
    stream->rollout(window + per_window - row, actions.data(), kCandidates, spec.horizon, states.data());
    compare("its rollout", k, states.data(), &golden.y[k * out], out, tolerance);
  }
}

}  // namespace

void check_golden(const Engine& engine, const ModelFolder& folder) {
  const double tolerance = golden_tolerance(engine, folder);
  if (folder.spec.kind == Kind::kRollout) {
    check_rollouts(engine, folder, tolerance);
  } else {
    check_samples(engine, folder, tolerance);
  }
}

}  // namespace learn_rt
