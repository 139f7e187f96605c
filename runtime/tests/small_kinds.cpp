#include "small_kinds.h"

#include <filesystem>
#include <sstream>

#include "model_writer.h"
#include "onnx_writer.h"
#include "small_model.h"

namespace learn_rt::testing {
namespace {

constexpr const char* kEnvelope = R"(, "envelope": {"value": 0.05, "rate": 1.0, "second": 50.0})";
constexpr const char* kTrained = R"(, "range_trained": [-10.0, 10.0])";

// Weights that are not all alike, from -scale to scale.
std::vector<float> varied(std::size_t n, float scale) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = scale * (static_cast<float>(7 * i % 11) - 5.0F) / 5.0F;
  return values;
}

// [.., 3] through every kind of function, a softmax and a matrix, to y [1, 2].
void write_head(OnnxWriter& w, const std::string& from, std::int64_t n) {
  w.floats("exponent", {}, {1.7F});
  w.floats("matrix", {n, 2}, varied(static_cast<std::size_t>(2 * n), 1.0F));
  w.floats("wide", {n, n}, varied(static_cast<std::size_t>(n * n), 0.4F));
  w.node("Gelu", {from}, {"gelu"});
  w.node("Sin", {"gelu"}, {"sin"});
  w.node("Softplus", {"sin"}, {"softplus"});
  w.node("Pow", {"softplus", "exponent"}, {"pow"});
  w.node("Log", {"pow"}, {"log"});
  w.node("Atan", {"log"}, {"atan"});
  w.node("MatMul", {"atan", "wide"}, {"product"});
  w.node("Greater", {"product", "exponent"}, {"truth"});
  w.node("Where", {"truth", "product", "atan"}, {"chosen"});
  w.node("Softmax", {"chosen"}, {"softmax"});
  w.node("ReduceMean", {"softmax"}, {"mean"});
  w.node("Sub", {"softmax", "mean"}, {"away"});
  w.node("MatMul", {"away", "matrix"}, {"y"});
  w.output("y");
}

std::string pointwise_graph() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.floats("up", {3, 24}, varied(72, 0.3F));
  w.node("MatMul", {"x", "up"}, {"h"});
  write_head(w, "h", 24);
  return w.model();
}

std::string convolution_graph() {
  OnnxWriter w;
  w.input("x", {-1, 20, 3});
  w.floats("w1", {5, 3, 3}, varied(45, 0.2F));
  w.floats("w2", {10, 1, 2}, varied(20, 0.3F));
  for (const char* name : {"scale", "offset", "mean_of", "var"}) w.floats(name, {5}, std::vector<float>(5, 0.7F));
  w.node("Transpose", {"x"}, {"t"}, {{"perm", 0, {0, 2, 1}}});
  w.node("Conv", {"t", "w1"}, {"c1"}, {{"pads", 0, {1, 1}}});
  w.node("BatchNormalization", {"c1", "scale", "offset", "mean_of", "var"}, {"n"});
  w.node("LeakyRelu", {"n"}, {"l"});
  w.node("MaxPool", {"l"}, {"m"}, {{"kernel_shape", 0, {2}}, {"strides", 0, {2}}});
  w.node("Conv", {"m", "w2"}, {"c2"}, {{"group", 5}, {"strides", 0, {2}}});
  w.node("AveragePool", {"c2"}, {"a"}, {{"kernel_shape", 0, {2}}, {"pads", 0, {1, 0}}});
  w.node("Flatten", {"a"}, {"f"});
  write_head(w, "f", 50);
  return w.model();
}

std::string stateful_graph() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.input("state.h", {-1, 24});
  w.floats("up", {3, 24}, varied(72, 0.3F));
  w.floats("keep", {24, 24}, varied(576, 0.02F));
  w.node("MatMul", {"x", "up"}, {"u"});
  w.node("MatMul", {"state.h", "keep"}, {"k"});
  w.node("Add", {"u", "k"}, {"sum"});
  w.node("Tanh", {"sum"}, {"state.h.next"});
  write_head(w, "state.h.next", 24);
  w.output("state.h.next");
  return w.model();
}

// The model of a graph, which lies under the file's name. `shape`: of one golden sample, which tells nothing.
std::shared_ptr<const Model> load(const std::string& keys, const std::string& file, const std::string& graph,
                                  const std::string& shape, const std::string& output_keys = kEnvelope) {
  const auto signals = [](const std::vector<std::string>& names, const std::string& more) {
    std::string text;
    for (const std::string& name : names) {
      text += (text.empty() ? "" : ", ") + (R"({"name": ")" + name + R"(", "unit": "m")" + more + "}");
    }
    return "[" + text + "]";
  };
  const std::string spec =
      R"({"format": "learn_rt.spec/1", "name": "kind", "dt_s": 0.01, "tolerance": 1e9, "contract_hash": ")" +
      std::string(64, 'a') + R"(", "inputs": )" + signals({"a", "b", "c"}, kTrained) + R"(, "outputs": )" +
      signals({"a", "b"}, output_keys) + ", " + keys + "}";
  std::size_t elements = 1;
  std::istringstream sizes(shape);
  for (std::string size; std::getline(sizes, size, ',');) elements *= std::stoul(size);
  const std::filesystem::path folder = temporary_folder();
  write_model_folder(folder, spec, {{file, graph}},
                     {shape, std::vector<float>(elements, 0.5F), "1, 2", std::vector<double>(2, 0.0)});
  auto model = Model::load(folder, "native");
  std::filesystem::remove_all(folder);
  return model;
}

std::shared_ptr<const Model> lanes() {
  SmallModel model;
  model.write(kEnvelope, kTrained);
  return model.load();
}

}  // namespace

std::vector<SmallKind> small_kinds() {
  return {{"pointwise", load(R"("kind": "pointwise")", "model.onnx", pointwise_graph(), "1, 3")},
          {"whole window",
           load(R"("kind": "window", "window": 20, "preview": 3)", "model.onnx", convolution_graph(), "1, 20, 3")},
          {"lanes", lanes()},
          {"stateful", load(R"("kind": "stateful", "forgetting": 30,
                               "states": [{"name": "h", "shape": [24], "scope": "stream"}])",
                            "step.onnx", stateful_graph(), "1, 50, 3")}};
}

std::shared_ptr<const Model> pure_product() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.floats("w1", {3, 24}, std::vector<float>(72, 0.3F));
  w.floats("w2", {24, 24}, std::vector<float>(576, 0.05F));
  w.floats("w3", {24, 2}, std::vector<float>(48, 0.05F));
  w.node("MatMul", {"x", "w1"}, {"a"});
  w.node("Relu", {"a"}, {"b"});
  w.node("MatMul", {"b", "w2"}, {"c"});
  w.node("Relu", {"c"}, {"d"});
  w.node("MatMul", {"d", "w3"}, {"y"});
  w.output("y");
  return load(R"("kind": "pointwise")", "model.onnx", w.model(), "1, 3", "");
}

std::shared_ptr<const Model> leaking_state() {
  OnnxWriter w;
  w.input("x", {-1, 3});
  w.input("state.h", {-1, 24});
  w.floats("up", {3, 24}, std::vector<float>(72, 0.3F));
  w.floats("keep", {}, {0.999F});
  w.floats("out", {24, 2}, std::vector<float>(48, 0.05F));
  w.node("MatMul", {"x", "up"}, {"u"});
  w.node("Mul", {"state.h", "keep"}, {"k"});
  w.node("Add", {"u", "k"}, {"state.h.next"});
  w.node("MatMul", {"state.h.next", "out"}, {"y"});
  w.output("y");
  w.output("state.h.next");
  return load(R"("kind": "stateful", "states": [{"name": "h", "shape": [24], "scope": "stream"}])", "step.onnx",
              w.model(), "1, 50, 3", "");
}

}  // namespace learn_rt::testing
