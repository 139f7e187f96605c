#include "small_rollout.h"

#include <cmath>
#include <string>

#include "model_writer.h"
#include "onnx_writer.h"
#include "small_model.h"

namespace learn_rt::testing {
namespace {

constexpr std::size_t kGates = 3 * SmallRollout::kHidden;
constexpr std::size_t kTail = (SmallRollout::kWindow - 1) * SmallRollout::kRow;

// Numbers of any size, spread over (-scale, scale).
std::vector<float> numbers(std::size_t n, unsigned seed, float scale) {
  std::vector<float> values(n);
  std::uint32_t state = seed;
  for (float& v : values) {
    state = state * 1664525U + 1013904223U;
    v = scale * (static_cast<float>(state >> 8) / 8388608.0F - 1.0F);
  }
  return values;
}

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

}  // namespace

SmallRollout::SmallRollout(bool resets_after) : resets_after_(resets_after), folder_(temporary_folder()) {
  w_ = numbers(kGates * kRow, 1, 1.0F);
  r_ = numbers(kGates * kHidden, 2, 0.7F);
  b_ = numbers(2 * kGates, 3, 0.5F);
  wy_ = numbers(kStates * kHidden, 4, 0.3F);
  wt_ = numbers(kStates * kTail, 5, 0.05F);
  const std::size_t n = 9;
  const std::vector<float> x = numbers(n * kWindow * kRow, 6, 1.0F);
  std::vector<float> actions = numbers(n * kHorizon * kActions, 7, 1.0F);
  std::vector<double> y;
  for (std::size_t k = 0; k < n; ++k) {
    const auto each = answer(&x[k * kWindow * kRow], &actions[k * kHorizon], kHorizon);
    y.insert(y.end(), each.begin(), each.end());
  }
  const auto signal = [](const std::string& name, const std::string& keys) {
    return R"({"name": ")" + name + R"(", "unit": "m")" + keys + "}";
  };
  const std::string spec =
      R"({"format": "learn_rt.spec/1", "contract_hash": ")" + std::string(64, 'a') +
      R"(", "name": "small", "kind": "rollout", "dt_s": 0.01, "window": 4, "horizon": 3, "tolerance": 2e-6, "inputs": [)" +
      signal("p", R"(, "feedback_of": "p")") + ", " + signal("q", R"(, "feedback_of": "q")") + ", " +
      signal("u", R"(, "range_valid": [-2, 2])") + R"(], "outputs": [)" + signal("p", "") + ", " + signal("q", "") +
      R"(], "states": [{"name": "tail", "shape": [3, 3], "scope": "stream"}, {"name": "h", "shape": [7], "scope": "lane"}]})";
  write_model_folder(folder_, spec, {{"step.onnx", step_onnx()}}, {"9, 4, 3", x, "9, 3, 2", y, "9, 3, 1", actions});
}

SmallRollout::~SmallRollout() { std::filesystem::remove_all(folder_); }

std::vector<double> SmallRollout::answer(const float* window, const float* actions, std::size_t horizon) const {
  std::vector<std::vector<double>> rows;
  for (std::size_t t = 0; t < kWindow; ++t) rows.emplace_back(window + t * kRow, window + (t + 1) * kRow);
  std::vector<double> states;
  for (std::size_t step = 0; step < horizon; ++step) {
    rows.back()[kStates] = actions[step];
    std::vector<double> h(kHidden, 0.0);
    for (const auto& row : rows) {
      std::vector<double> a(kGates), next(kHidden);
      for (std::size_t g = 0; g < kGates; ++g) {
        a[g] = b_[g];
        for (std::size_t i = 0; i < kRow; ++i) a[g] += static_cast<double>(w_[g * kRow + i]) * row[i];
      }
      const auto product = [&](std::size_t g, const std::vector<double>& of) {
        double sum = b_[kGates + g];
        for (std::size_t k = 0; k < kHidden; ++k) sum += static_cast<double>(r_[g * kHidden + k]) * of[k];
        return sum;
      };
      std::vector<double> reset(kHidden), z(kHidden), cut(kHidden);
      for (std::size_t k = 0; k < kHidden; ++k) {
        z[k] = sigmoid(a[k] + product(k, h));
        reset[k] = sigmoid(a[kHidden + k] + product(kHidden + k, h));
        cut[k] = reset[k] * h[k];
      }
      for (std::size_t k = 0; k < kHidden; ++k) {
        const std::size_t g = 2 * kHidden + k;
        const double candidate = std::tanh(a[g] + (resets_after_ ? reset[k] * product(g, h) : product(g, cut)));
        next[k] = (1.0 - z[k]) * candidate + z[k] * h[k];
      }
      h = next;
    }
    std::vector<double> state(kStates);
    for (std::size_t s = 0; s < kStates; ++s) {
      state[s] = rows.back()[s];
      for (std::size_t k = 0; k < kHidden; ++k) state[s] += static_cast<double>(wy_[s * kHidden + k]) * h[k];
      for (std::size_t i = 0; i < kTail; ++i) {
        state[s] += static_cast<double>(wt_[s * kTail + i]) * rows[i / kRow][i % kRow];
      }
    }
    states.insert(states.end(), state.begin(), state.end());
    rows.erase(rows.begin());
    state.push_back(0.0);
    rows.push_back(state);
  }
  return states;
}

std::string SmallRollout::step_onnx() const {
  const std::int64_t n = kHidden, gates = kGates, row = kRow, tail = kTail, states = kStates;
  OnnxWriter w;
  w.input("x", {-1, row});
  w.input("state.tail", {-1, 3, row});
  w.input("state.h", {-1, n});
  w.floats("w", {1, gates, row}, w_);
  w.floats("r", {1, gates, n}, r_);
  w.floats("b", {1, 2 * gates}, b_);
  w.floats("wy", {states, n}, wy_);
  w.floats("wt", {states, tail}, wt_);
  w.integers("zero", {0});
  w.integers("one", {1});
  w.integers("two", {states});
  w.integers("end", {1 << 20});
  w.integers("flat", {-1, tail});
  w.node("Unsqueeze", {"x", "zero"}, {"sequence"});
  w.node("Unsqueeze", {"state.h", "zero"}, {"before"});
  w.node("GRU", {"sequence", "w", "r", "b", "", "before"}, {"", "after"},
         {{"hidden_size", n}, {"linear_before_reset", resets_after_ ? 1 : 0}});
  w.node("Squeeze", {"after", "zero"}, {"state.h.next"});
  w.node("Gemm", {"state.h.next", "wy"}, {"recurrent"}, {{"transB", 1}});
  w.node("Reshape", {"state.tail", "flat"}, {"flattened"});
  w.node("Gemm", {"flattened", "wt"}, {"linear"}, {{"transB", 1}});
  w.node("Slice", {"x", "zero", "two", "one"}, {"state"});
  w.node("Add", {"linear", "recurrent"}, {"change"});
  w.node("Add", {"change", "state"}, {"y"});
  w.node("Slice", {"state.tail", "one", "end", "one"}, {"younger"});
  w.node("Unsqueeze", {"x", "one"}, {"newest"});
  w.node("Concat", {"younger", "newest"}, {"state.tail.next"}, {{"axis", 1}});
  for (const char* name : {"y", "state.tail.next", "state.h.next"}) w.output(name);
  return w.model();
}

}  // namespace learn_rt::testing
