#include "lowering.h"

#include <stdexcept>

#include "fusion.h"
#include "operator_names.h"

namespace learn_rt {

ValueId NodeContext::input(std::size_t i) const {
  if (!has_input(i)) throw std::runtime_error("input " + std::to_string(i) + " is missing");
  const auto found = values_.find(node_.inputs[i]);
  if (found == values_.end()) {
    throw std::runtime_error("reads \"" + node_.inputs[i] + "\", which nothing before it writes");
  }
  return found->second;
}

void NodeContext::output(std::size_t i, ValueId value) {
  if (!has_output(i)) return;
  if (!values_.emplace(node_.outputs[i], value).second) {
    throw std::runtime_error("writes \"" + node_.outputs[i] + "\", which is written already");
  }
}

const std::vector<std::int64_t>& NodeContext::integers(std::size_t i) const {
  const Tensor* tensor = b.known(input(i));
  if (tensor == nullptr || tensor->is_float) {
    throw std::runtime_error("input " + std::to_string(i) + " must be constant whole numbers");
  }
  return tensor->ints;
}

const std::vector<float>& NodeContext::floats(std::size_t i) const {
  const Tensor* tensor = b.known(input(i));
  if (tensor == nullptr || !tensor->is_float) {
    throw std::runtime_error("input " + std::to_string(i) + " must be constant floats");
  }
  return tensor->floats;
}

const OnnxAttribute* NodeContext::find(const std::string& attribute, OnnxAttribute::Kind kind) {
  asked_.insert(attribute);
  const auto found = node_.attributes.find(attribute);
  if (found == node_.attributes.end()) return nullptr;
  if (found->second.kind != kind) {
    throw std::runtime_error("attribute " + attribute + " is of kind " + std::to_string(found->second.kind) +
                             ", expected kind " + std::to_string(kind));
  }
  return &found->second;
}

std::int64_t NodeContext::integer(const std::string& attribute, std::int64_t otherwise) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kInt);
  return found == nullptr ? otherwise : found->i;
}

float NodeContext::number(const std::string& attribute, float otherwise) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kFloat);
  return found == nullptr ? otherwise : found->f;
}

std::string NodeContext::text(const std::string& attribute, const std::string& otherwise) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kText);
  return found == nullptr ? otherwise : found->s;
}

std::optional<std::vector<std::int64_t>> NodeContext::integer_list(const std::string& attribute) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kInts);
  return found == nullptr ? std::nullopt : std::optional(found->ints);
}

std::optional<std::vector<float>> NodeContext::number_list(const std::string& attribute) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kFloats);
  return found == nullptr ? std::nullopt : std::optional(found->floats);
}

std::optional<std::vector<std::string>> NodeContext::text_list(const std::string& attribute) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kTexts);
  return found == nullptr ? std::nullopt : std::optional(found->strings);
}

const Tensor* NodeContext::tensor(const std::string& attribute) {
  const OnnxAttribute* found = find(attribute, OnnxAttribute::kTensor);
  return found == nullptr ? nullptr : &found->tensor;
}

void NodeContext::require(const std::string& attribute, std::int64_t value) {
  const std::int64_t given = integer(attribute, value);
  if (given != value) {
    throw std::runtime_error("attribute " + attribute + " = " + std::to_string(given) + " is not supported");
  }
}

std::optional<std::vector<std::int64_t>> NodeContext::axes(std::size_t input_index, std::int64_t since_opset) {
  if (opset_ < since_opset) return integer_list("axes");
  return has_input(input_index) ? std::optional(integers(input_index)) : std::nullopt;
}

void NodeContext::finish() const {
  for (const auto& [name, attribute] : node_.attributes) {
    if (asked_.count(name) == 0) throw std::runtime_error("attribute " + name + " is not supported");
  }
}

std::size_t normal_axis(std::int64_t axis, std::size_t rank) {
  const auto n = static_cast<std::int64_t>(rank);
  if (axis < -n || axis >= n) {
    throw std::runtime_error("axis " + std::to_string(axis) + " of " + std::to_string(rank) + " dimensions");
  }
  return static_cast<std::size_t>(axis < 0 ? axis + n : axis);
}

namespace {

const Operators* const* families() {
  static const Operators* const all[] = {&activation_operators(),
                                         &constant_operators(),
                                         &logic_operators(),
                                         &math_operators(),
                                         &move_operators(),
                                         &pad_operators(),
                                         &normalization_operators(),
                                         &product_operators(),
                                         &recurrent_operators(),
                                         &reduce_operators(),
                                         &shape_operators(),
                                         &spatial_operators(),
                                         nullptr};
  return all;
}

// Null when the engine lacks it.
Lowering find_operator(const OnnxNode& node) {
  if (!node.domain.empty() && node.domain != "ai.onnx") return nullptr;
  for (const Operators* const* family = families(); *family != nullptr; ++family) {
    const auto found = (*family)->find(node.op);
    if (found != (*family)->end()) return found->second;
  }
  return nullptr;
}

// All that the engine lacks is said at once, each operator with the first of its nodes.
void check_operators(const OnnxGraph& graph) {
  constexpr std::size_t kMost = 8;
  std::set<std::string> lacking;
  std::string said;
  for (const OnnxNode& node : graph.nodes) {
    if (find_operator(node) != nullptr) continue;
    const std::string name = node.domain.empty() ? node.op : node.domain + "." + node.op;
    if (!lacking.insert(name).second || lacking.size() > kMost) continue;
    said += (said.empty() ? "" : ", ") + name + " (node \"" + node.name + "\")";
  }
  if (lacking.empty()) return;
  if (lacking.size() > kMost) said += " and " + std::to_string(lacking.size() - kMost) + " more";
  throw std::runtime_error("the native engine lacks the operator" + std::string(lacking.size() > 1 ? "s " : " ") +
                           said);
}

void check_input(const OnnxInput& input, const Shape& shape) {
  // Truths and whole numbers would be compared and divided as floats.
  if (input.type != 0 && input.type != 1 && input.type != 11) {
    throw std::runtime_error("graph input \"" + input.name + "\" has element type " + std::to_string(input.type) +
                             ": expected float or double");
  }
  bool fits = input.shape.empty() || input.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < input.shape.size(); ++i) {
    fits = input.shape[i] == -1 || input.shape[i] == shape[i];
  }
  if (!fits) {
    throw std::runtime_error("graph input \"" + input.name + "\" has shape " + to_string(input.shape) +
                             " where the spec needs " + to_string(shape));
  }
}

}  // namespace

std::vector<std::string> operator_names() {
  std::set<std::string> names;
  for (const Operators* const* family = families(); *family != nullptr; ++family) {
    for (const auto& [name, lowering] : **family) names.insert(name);
  }
  return {names.begin(), names.end()};
}

Program lower(const OnnxGraph& graph, const std::map<std::string, Shape>& input_shapes, Limits limits) {
  ProgramBuilder builder(limits);
  check_operators(graph);
  std::map<std::string, ValueId> values;
  for (const OnnxInput& input : graph.inputs) {
    const auto shape = input_shapes.find(input.name);
    if (shape == input_shapes.end()) throw std::runtime_error("unknown graph input \"" + input.name + '"');
    check_input(input, shape->second);
    if (!values.emplace(input.name, builder.add_input(input.name, shape->second)).second) {
      throw std::runtime_error("graph input \"" + input.name + "\" appears twice");
    }
  }
  for (const auto& [name, tensor] : graph.initializers) values.emplace(name, builder.constant(tensor));
  for (const OnnxNode& node : graph.nodes) {
    NodeContext context(builder, node, graph.opset, values);
    try {
      find_operator(node)(context);
      context.finish();
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(node.op + " \"" + node.name + "\": " + error.what());
    }
  }
  for (const std::string& name : graph.outputs) {
    const auto found = values.find(name);
    if (found == values.end()) throw std::runtime_error("nothing writes the graph output \"" + name + '"');
    builder.add_output(name, found->second);
  }
  return fuse(builder.finish());
}

}  // namespace learn_rt
