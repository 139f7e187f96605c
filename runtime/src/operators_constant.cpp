// Constants, and what passes a value on as it is or as another type.

#include <algorithm>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {
namespace {

void identity(NodeContext& node) { node.output(0, node.input(0)); }

void dropout(NodeContext& node) {
  node.integer("seed", 0);
  if (node.has_input(2)) {
    const auto& training = node.integers(2);
    if (training.size() != 1 || training[0] != 0) throw std::runtime_error("training_mode = 1 is not supported");
  }
  node.output(0, node.input(0));
  if (!node.has_output(1)) return;
  const Shape shape = node.shape(0);
  node.output(1, node.b.constant({shape, false, {}, std::vector<std::int64_t>(count(shape), 1)}));
}

void constant(NodeContext& node) {
  if (const Tensor* tensor = node.tensor("value")) return node.output(0, node.b.constant(*tensor));
  if (const auto list = node.integer_list("value_ints")) return node.output(0, node.b.integers(*list));
  if (const auto list = node.number_list("value_floats")) {
    return node.output(0, node.b.constant({{static_cast<std::int64_t>(list->size())}, true, *list, {}}));
  }
  if (node.has("value_int")) {
    return node.output(0, node.b.constant({{}, false, {}, {node.integer("value_int", 0)}}));
  }
  if (node.has("value_float")) {
    return node.output(0, node.b.constant({{}, true, {node.number("value_float", 0)}, {}}));
  }
  throw std::runtime_error("expected value, value_int, value_ints, value_float or value_floats");
}

void constant_of_shape(NodeContext& node) {
  const Shape shape = node.integers(0);
  const Tensor* value = node.tensor("value");
  if (value != nullptr && (value->is_float ? value->floats.size() : value->ints.size()) != 1) {
    throw std::runtime_error("value must be one element");
  }
  const std::size_t n = count(shape);
  if (value == nullptr || value->is_float) {
    const float each = value == nullptr ? 0.0F : value->floats[0];
    return node.output(0, node.b.constant({shape, true, std::vector<float>(n, each), {}}));
  }
  node.output(0, node.b.constant({shape, false, {}, std::vector<std::int64_t>(n, value->ints[0])}));
}

// Towards zero, as the standard casts.
std::int64_t whole_part(float v) {
  if (!(v > -9e15F && v < 9e15F)) throw std::runtime_error("a number that no integer can hold");
  return static_cast<std::int64_t>(v);
}

ValueId cast_constant(NodeContext& node, const Tensor& tensor, bool whole, bool truth) {
  Tensor result{tensor.shape, !whole, {}, {}};
  if (!whole) {
    result.floats.assign(tensor.ints.begin(), tensor.ints.end());
  } else if (!tensor.is_float) {
    for (const std::int64_t v : tensor.ints) result.ints.push_back(truth && v != 0 ? 1 : v);
  } else {
    for (const float v : tensor.floats) result.ints.push_back(truth ? (v != 0.0F ? 1 : 0) : whole_part(v));
  }
  return node.b.constant(std::move(result));
}

// A computed value: whole numbers and truths are floats too, and the marks that they are whole are all that changes.
ValueId cast_computed(NodeContext& node, bool whole, bool truth) {
  const ValueId x = node.b.as_float(node.input(0));
  if (!whole) return x;
  if (truth) {
    const ValueId zero = node.b.binary(kEqual, x, scalar(node, 0.0F));
    return node.b.as_whole(node.b.binary(kEqual, zero, scalar(node, 0.0F)));
  }
  if (node.b.whole(node.input(0))) return node.input(0);
  const ValueId below = node.b.unary(kFloor, node.b.unary(kAbs, x));
  return node.b.as_whole(node.b.binary(kMul, node.b.unary(kSign, x), below));
}

void cast(NodeContext& node) {
  enum Type { kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9, kDouble = 11 };
  const std::int64_t to = node.integer("to", 0);
  node.integer("saturate", 1);  // of 8-bit floats
  node.text("round_mode", "up");
  if (to != kFloat && to != kInt32 && to != kInt64 && to != kBool && to != kDouble) {
    throw std::runtime_error("to = " + std::to_string(to) + " is not supported");
  }
  const bool truth = to == kBool, whole = truth || to == kInt32 || to == kInt64;
  const Tensor* tensor = node.b.known(node.input(0));
  if (tensor == nullptr) return node.output(0, cast_computed(node, whole, truth));
  node.output(0, tensor->is_float && !whole ? node.input(0) : cast_constant(node, *tensor, whole, truth));
}

void shape_of(NodeContext& node) {
  const Shape& shape = node.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto clamp = [rank](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const std::int64_t start = clamp(node.integer("start", 0)), end = clamp(node.integer("end", rank));
  node.output(0, node.b.integers(start < end ? Shape(shape.begin() + start, shape.begin() + end) : Shape{}));
}

}  // namespace

const Operators& constant_operators() {
  static const Operators operators{
      {"Identity", identity}, {"Dropout", dropout}, {"Constant", constant}, {"ConstantOfShape", constant_of_shape},
      {"Cast", cast},         {"Shape", shape_of},
  };
  return operators;
}

}  // namespace learn_rt
