#include "native_engine.h"

#include <cstring>
#include <optional>
#include <stdexcept>

#include "footprint.h"
#include "lane_rollout.h"
#include "lanes.h"
#include "lowering.h"
#include "weights.h"
#include "window_stream.h"

namespace learn_rt {
namespace {

// model.onnx on one window at a time.
class WholeWindow {
 public:
  WholeWindow(const Program& program, const Spec& spec)
      : frame_(program, std::vector<std::size_t>(program.buffers.size(), 1)),
        x_(frame_.at(program.input("x"))),
        y_(frame_.read(program.output("y"))),
        in_(spec.window * spec.n_features()),
        out_(spec.n_outputs()),
        instructions_(program.instructions.size()) {}

  void operator()(const float* window, float* answer) LEARN_RT_REALTIME {
    std::memcpy(x_.data, window, in_ * sizeof(float));
    for (std::size_t i = 0; i < instructions_; ++i) frame_.run(i, 0, 1);
    std::memcpy(answer, y_.data, out_ * sizeof(float));
  }

 private:
  Frame frame_;
  Result x_;
  Source y_;
  std::size_t in_, out_, instructions_;
};

Program lower_whole(const ModelFolder& folder) {
  const Spec& spec = folder.spec;
  const OnnxGraph graph = read_onnx(folder.model_onnx);
  const auto window = static_cast<std::int64_t>(spec.window), n = static_cast<std::int64_t>(spec.n_features());
  const bool flat = spec.window == 1 && graph.inputs.size() == 1 && graph.inputs[0].shape.size() == 2;
  Program program = lower(graph, {{"x", flat ? Shape{1, n} : Shape{1, window, n}}});
  if (program.values[program.output("y")].size != spec.n_outputs()) {
    throw std::runtime_error("output \"y\" does not fit the spec");
  }
  program.input("x");
  store_weights(program, spec);
  return program;
}

template <class Make>
auto named(const char* file, Make make) {
  try {
    return make();
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(std::string(file) + ": " + error.what());
  }
}

class NativeEngine final : public Engine {
 public:
  explicit NativeEngine(const ModelFolder& folder) : spec_(folder.spec) {
    if (!folder.step_onnx.empty()) {
      lanes_ = named("step.onnx", [&] { return LanePlan::make(folder.step_onnx, spec_); });
    } else if (spec_.kind == Kind::kStateful || spec_.kind == Kind::kRollout) {
      throw std::runtime_error("no step.onnx, of which states and rollouts are made");
    }
    if (spec_.kind == Kind::kRollout) return;  // model.onnx holds one horizon, written out
    // A window's steps answer whole windows too where weights are stored: then a golden sample tests what runs.
    if (lanes_ && spec_.weights != Weights::kFp32) return;
    if (!folder.model_onnx.empty()) {
      whole_ = named("model.onnx", [&] { return lower_whole(folder); });
    } else if (!lanes_) {
      throw std::runtime_error("neither model.onnx nor step.onnx is there");
    }
  }

  bool stores_weights() const override { return true; }

  Footprint footprint() const override { return lanes_ ? footprint_of(*lanes_) : footprint_of(*whole_); }
  Footprint rollout_footprint(std::size_t candidates, std::size_t horizon) const override {
    return lanes_ ? footprint_of(*lanes_, candidates, horizon) : Footprint{};
  }

  std::unique_ptr<Stream> open() const override {
    if (lanes_) return std::make_unique<LaneStream>(*lanes_);
    const auto window = std::make_shared<WholeWindow>(*whole_, spec_);
    return std::make_unique<WindowStream>(spec_, [window](const float* x, float* y) { (*window)(x, y); });
  }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    const std::size_t sample = spec_.n_features(), in = spec_.window * sample, out = spec_.n_outputs();
    if (whole_) {
      WholeWindow window(*whole_, spec_);
      for (std::size_t k = 0; k < batch; ++k) window(windows + k * in, answers + k * out);
      return;
    }
    const LanePlan one = lanes_->one_lane();
    LaneStream stream(one);
    for (std::size_t k = 0; k < batch; ++k) {
      stream.reset();
      for (std::size_t t = 0; t < spec_.window; ++t) stream.step(windows + k * in + t * sample, answers + k * out);
    }
  }

  std::unique_ptr<RolloutStream> open_rollout(const RolloutLimits& limits) const override {
    return std::make_unique<LaneRollout>(*lanes_, limits);
  }

  void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const override {
    const std::size_t row = spec_.n_features(), horizon = spec_.horizon;
    RolloutLimits limits;
    limits.candidates = 1;
    LaneRollout rollout(*lanes_, limits);
    for (std::size_t k = 0; k < batch; ++k) {
      const float* window = windows + k * spec_.window * row;
      const float* newest = window + (spec_.window - 1) * row;
      rollout.reset();
      for (; window != newest; window += row) rollout.close_row(window);
      const float* taken = actions + k * horizon * spec_.n_actions();
      rollout.rollout(newest, taken, 1, horizon, answers + k * horizon * spec_.n_outputs());
    }
  }

 private:
  Spec spec_;
  std::optional<LanePlan> lanes_;
  std::optional<Program> whole_;
};

}  // namespace

std::unique_ptr<Engine> load_native(const ModelFolder& folder) { return std::make_unique<NativeEngine>(folder); }

}  // namespace learn_rt
