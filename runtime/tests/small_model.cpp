#include "small_model.h"

#include <cmath>
#include <random>

#include "model_writer.h"
#include "onnx_writer.h"

namespace learn_rt::testing {
namespace {

constexpr std::size_t kGates = 4 * SmallModel::kHidden, kTail = (SmallModel::kWindow - 1) * SmallModel::kFeatures;

std::vector<float> draw(std::mt19937& random, std::size_t n, float scale) {
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(random);
  return values;
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

SmallModel::SmallModel(unsigned seed) {
  std::mt19937 random(seed);
  wx_ = draw(random, kGates * kFeatures, 2.0F);  // [gates][features], gates i, f, g, o
  wh_ = draw(random, kGates * kHidden, 0.3F);
  b_ = draw(random, kGates, 0.1F);
  wy_ = draw(random, kOutputs * kHidden, 0.2F);
  wt_ = draw(random, kOutputs * kTail, 0.01F);
  folder_ = temporary_folder();
  write("");
}

SmallModel::~SmallModel() { std::filesystem::remove_all(folder_); }

std::vector<float> SmallModel::walk(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> samples = draw(random, n * kFeatures, 0.2F);
  for (std::size_t i = kFeatures; i < samples.size(); ++i) samples[i] = 0.99F * samples[i - kFeatures] + samples[i];
  return samples;
}

std::vector<double> SmallModel::answer(const float* window) const {
  std::vector<double> h(kHidden, 0.0), c(kHidden, 0.0), y(kOutputs, 0.0);
  for (std::size_t t = 1; t < kWindow; ++t) {
    std::vector<double> z(b_.begin(), b_.end());
    for (std::size_t g = 0; g < kGates; ++g) {
      for (std::size_t i = 0; i < kFeatures; ++i) {
        const float increment = window[t * kFeatures + i] - window[(t - 1) * kFeatures + i];
        z[g] += static_cast<double>(wx_[g * kFeatures + i]) * increment;
      }
      for (std::size_t k = 0; k < kHidden; ++k) z[g] += static_cast<double>(wh_[g * kHidden + k]) * h[k];
    }
    for (std::size_t k = 0; k < kHidden; ++k) {
      c[k] = sigmoid(z[kHidden + k]) * c[k] + sigmoid(z[k]) * std::tanh(z[2 * kHidden + k]);
      h[k] = sigmoid(z[3 * kHidden + k]) * std::tanh(c[k]);
    }
  }
  for (std::size_t o = 0; o < kOutputs; ++o) {
    for (std::size_t k = 0; k < kHidden; ++k) y[o] += static_cast<double>(wy_[o * kHidden + k]) * h[k];
    for (std::size_t i = 0; i < kTail; ++i) y[o] += static_cast<double>(wt_[o * kTail + i]) * window[i];
  }
  return y;
}

std::string SmallModel::step_onnx() const {
  const std::int64_t n = kHidden, f = kFeatures, tail = kWindow - 1;
  OnnxWriter w;
  w.input("x", {-1, f});
  w.input("state.tail", {-1, tail, f});
  w.input("state.started", {-1, 1});
  w.input("state.h", {-1, n});
  w.input("state.c", {-1, n});
  w.floats("wx", {4 * n, f}, wx_);
  w.floats("wh", {4 * n, n}, wh_);
  w.floats("b", {4 * n}, b_);
  w.floats("wy", {static_cast<std::int64_t>(kOutputs), n}, wy_);
  w.floats("wt", {static_cast<std::int64_t>(kOutputs), tail * f}, wt_);
  w.floats("one", {}, {1.0F});
  w.integers("last", {-1});
  w.integers("first", {1});
  w.integers("end", {1 << 20});
  w.integers("flat", {-1, tail * f});
  w.node("Gather", {"state.tail", "last"}, {"before3"}, {{"axis", 1}});
  w.node("Squeeze", {"before3", "first"}, {"before"});
  w.node("Sub", {"x", "before"}, {"increment"});
  w.node("Gemm", {"increment", "wx"}, {"zx"}, {{"transB", 1}});
  w.node("Gemm", {"state.h", "wh", "b"}, {"zh"}, {{"transB", 1}});
  w.node("Add", {"zx", "zh"}, {"z"});
  w.node("Split", {"z"}, {"zi", "zf", "zg", "zo"}, {{"axis", 1}, {"num_outputs", 4}});
  w.node("Sigmoid", {"zi"}, {"i"});
  w.node("Sigmoid", {"zf"}, {"f"});
  w.node("Tanh", {"zg"}, {"g"});
  w.node("Sigmoid", {"zo"}, {"o"});
  w.node("Mul", {"f", "state.c"}, {"kept"});
  w.node("Mul", {"i", "g"}, {"added"});
  w.node("Add", {"kept", "added"}, {"cell"});
  w.node("Mul", {"cell", "state.started"}, {"state.c.next"});
  w.node("Tanh", {"state.c.next"}, {"squashed"});
  w.node("Mul", {"o", "squashed"}, {"state.h.next"});
  w.node("Gemm", {"state.h.next", "wy"}, {"recurrent"}, {{"transB", 1}});
  w.node("Reshape", {"state.tail", "flat"}, {"flattened"});
  w.node("Gemm", {"flattened", "wt"}, {"linear"}, {{"transB", 1}});
  w.node("Add", {"linear", "recurrent"}, {"y"});
  w.node("Slice", {"state.tail", "first", "end", "first"}, {"younger"});
  w.node("Unsqueeze", {"x", "first"}, {"row"});
  w.node("Concat", {"younger", "row"}, {"state.tail.next"}, {{"axis", 1}});
  w.node("Shape", {"state.started"}, {"shape"});
  w.node("Expand", {"one", "shape"}, {"state.started.next"});
  for (const char* name : {"y", "state.tail.next", "state.started.next", "state.h.next", "state.c.next"})
    w.output(name);
  return w.model();
}

Golden SmallModel::golden() const {
  const std::size_t n = 20;
  const std::vector<float> x = walk(n * kWindow, 3);
  std::vector<double> y;
  for (std::size_t k = 0; k < n; ++k) {
    const auto each = answer(&x[k * kWindow * kFeatures]);
    y.insert(y.end(), each.begin(), each.end());
  }
  return {"20, 6, 3", x, "20, 2", y};
}

void SmallModel::write(const std::string& output_keys, const std::string& input_keys) {
  const auto signal = [](const std::string& name, const std::string& keys) {
    return R"({"name": ")" + name + R"(", "unit": "mm")" + keys + "}";
  };
  const auto state = [this](const std::string& name, const std::string& shape) {
    const bool shared = std::find(shared_.begin(), shared_.end(), name) != shared_.end();
    return R"({"name": ")" + name + R"(", "shape": )" + shape + R"(, "scope": ")" + (shared ? "stream" : "lane") +
           R"("})";
  };
  const std::string spec =
      R"({"format": "learn_rt.spec/1", "contract_hash": ")" + std::string(64, 'a') +
      R"(", "name": "small", "kind": "window", "dt_s": 0.01, "window": 6, "preview": 2, "tolerance": 1e-6, "inputs": [)" +
      signal("a", input_keys) + ", " + signal("b", "") + ", " + signal("c", "") + R"(], "outputs": [)" +
      signal("p", output_keys) + ", " + signal("q", "") + R"(], "states": [)" + state("tail", "[5, 3]") + ", " +
      state("started", "[1]") + ", " + state("h", "[11]") + ", " + state("c", "[11]") + "]}";
  write_model_folder(folder_, spec, {{"step.onnx", step_onnx()}}, golden());
}

}  // namespace learn_rt::testing
