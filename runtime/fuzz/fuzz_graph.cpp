// Any bytes as an ONNX file: read, turned into a program, run once; and as a step.onnx cut for lanes. The limits are
// smaller than the runtime's own, so that a second tries many files.

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "frame.h"
#include "lanes.h"
#include "lowering.h"

namespace learn_rt {
namespace {

constexpr Limits kLimits{std::size_t{1} << 20, std::size_t{1} << 24};

// The shapes that the file gives its inputs, 1 for what it leaves open.
std::map<std::string, Shape> own_shapes(const OnnxGraph& graph) {
  std::map<std::string, Shape> shapes;
  for (const OnnxInput& input : graph.inputs) {
    Shape shape = input.shape;
    for (std::int64_t& n : shape) n = n == -1 ? 1 : n;
    if (count(shape) > 4096) throw std::runtime_error("a large input");
    shapes[input.name] = shape;
  }
  return shapes;
}

void run_once(const OnnxGraph& graph) {
  const Program program = lower(graph, own_shapes(graph), kLimits);
  Frame frame(program, std::vector<std::size_t>(program.buffers.size(), 1));
  for (const Port& port : program.inputs) {
    const Result input = frame.at(port.value);
    std::fill(input.data, input.data + program.values[port.value].size, 0.5F);
  }
  for (std::size_t i = 0; i < program.instructions.size(); ++i) frame.run(i, 0, 1);
}

// As tests/small_model.h makes it: the corpus holds its step.onnx.
const Spec& small_spec() {
  static const Spec spec = Spec::parse(
      R"({"format": "learn_rt.spec/1", "name": "small", "kind": "window", "dt_s": 0.01, "window": 6, "contract_hash": ")" +
      std::string(64, 'a') + R"(", "inputs": [{"name": "u", "unit": "mm", "shape": [3]}],
      "outputs": [{"name": "v", "unit": "mm", "shape": [2]}],
      "states": [{"name": "tail", "shape": [5, 3], "scope": "stream"}, {"name": "started", "shape": [1], "scope": "lane"},
                 {"name": "h", "shape": [11], "scope": "lane"}, {"name": "c", "shape": [11], "scope": "lane"}]})");
  return spec;
}

void run_lanes(const std::string& bytes) {
  const Spec& spec = small_spec();
  const LanePlan plan = LanePlan::make(bytes, spec);
  LaneStream stream(plan);
  const std::vector<float> sample(spec.n_features(), 0.5F);
  std::vector<float> answer(spec.n_outputs());
  for (std::size_t t = 0; t < 8; ++t) stream.step(sample.data(), answer.data());
}

}  // namespace
}  // namespace learn_rt

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  try {
    learn_rt::run_once(learn_rt::read_onnx(bytes));
    learn_rt::run_lanes(bytes);
  } catch (const std::runtime_error&) {
    // Refused, as most are.
  }
  return 0;
}
