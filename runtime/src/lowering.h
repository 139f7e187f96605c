#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "onnx_reader.h"
#include "program.h"

namespace learn_rt {

// One ONNX node being turned into instructions. Every attribute that the file gives must be asked for: one that nobody
// reads would be a meaning that we do not know.
class NodeContext {
 public:
  NodeContext(ProgramBuilder& builder, const OnnxNode& node, std::int64_t opset, std::map<std::string, ValueId>& values)
      : b(builder), opset_(opset), node_(node), values_(values) {}

  ProgramBuilder& b;

  std::int64_t opset() const { return opset_; }
  std::size_t n_inputs() const { return node_.inputs.size(); }
  std::size_t n_outputs() const { return node_.outputs.size(); }
  bool has_input(std::size_t i) const { return i < node_.inputs.size() && !node_.inputs[i].empty(); }
  bool has_output(std::size_t i) const { return i < node_.outputs.size() && !node_.outputs[i].empty(); }
  ValueId input(std::size_t i) const;
  const Shape& shape(std::size_t i) const { return b.shape(input(i)); }
  std::size_t rank(std::size_t i) const { return shape(i).size(); }
  void output(std::size_t i, ValueId value);

  // A constant input's elements.
  const std::vector<std::int64_t>& integers(std::size_t i) const;
  const std::vector<float>& floats(std::size_t i) const;

  bool has(const std::string& attribute) const { return node_.attributes.count(attribute) != 0; }
  std::int64_t integer(const std::string& attribute, std::int64_t otherwise);
  float number(const std::string& attribute, float otherwise);
  std::string text(const std::string& attribute, const std::string& otherwise);
  std::optional<std::vector<std::int64_t>> integer_list(const std::string& attribute);
  std::optional<std::vector<float>> number_list(const std::string& attribute);
  std::optional<std::vector<std::string>> text_list(const std::string& attribute);
  const Tensor* tensor(const std::string& attribute);
  // What the standard lets be chosen and we do one way only.
  void require(const std::string& attribute, std::int64_t value);
  // The axes of a node: an input since some opset, an attribute before it.
  std::optional<std::vector<std::int64_t>> axes(std::size_t input_index, std::int64_t since_opset);

  // Throws unless every attribute was asked for.
  void finish() const;

 private:
  const OnnxAttribute* find(const std::string& attribute, OnnxAttribute::Kind kind);

  std::int64_t opset_;
  const OnnxNode& node_;
  std::map<std::string, ValueId>& values_;
  std::set<std::string> asked_;
};

using Lowering = void (*)(NodeContext&);

// The operators of one family by name.
using Operators = std::map<std::string, Lowering>;
const Operators& activation_operators();
const Operators& constant_operators();
const Operators& logic_operators();
const Operators& math_operators();
const Operators& move_operators();
const Operators& normalization_operators();
const Operators& pad_operators();
const Operators& product_operators();
const Operators& recurrent_operators();
const Operators& reduce_operators();
const Operators& shape_operators();
const Operators& spatial_operators();

// x [inner, inputs] times a constant matrix. A few outputs are summed in double.
ValueId dense(NodeContext& node, ValueId x, const Tensor& matrix, std::size_t inputs, std::size_t outputs,
              bool transposed, std::vector<float> bias, const Shape& shape);

// A constant of one float.
ValueId scalar(NodeContext& node, float value);

// An axis counted from the end or the beginning, as one counted from the beginning. Throws when it is not below `rank`.
std::size_t normal_axis(std::int64_t axis, std::size_t rank);

// Turns a graph into a program for inputs of these shapes (batch 1). Throws std::runtime_error: the operators that are
// lacking, or what is lacking of one, with the node's name and the attribute's.
Program lower(const OnnxGraph& graph, const std::map<std::string, Shape>& input_shapes, Limits limits = {});

}  // namespace learn_rt
