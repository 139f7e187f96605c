// Batch, instance and layer normalization; softmax.

#include <cmath>
#include <stdexcept>

#include "moves.h"
#include "operation_functions.h"

namespace learn_rt {
namespace {

// Elements of one channel of [batch, channels, ...].
std::size_t inner_of(const Shape& shape) {
  std::size_t inner = 1;
  for (std::size_t i = 2; i < shape.size(); ++i) inner *= static_cast<std::size_t>(shape[i]);
  return inner;
}

// Not folded into the convolution before it: one multiply-add an element is nothing beside it, and the weights stay
// those of the file.
void batch_normalization(NodeContext& node) {
  const Shape shape = node.shape(0);
  node.require("training_mode", 0);
  node.number("momentum", 0.9F);
  const auto epsilon = static_cast<double>(node.number("epsilon", 1e-5F));
  for (std::size_t i = 1; i < node.n_outputs(); ++i) {
    if (node.has_output(i)) throw std::runtime_error("only the first output is supported");
  }
  if (shape.size() < 2) throw std::runtime_error("expected x of shape [batch, channels, ...]");
  const auto batch = static_cast<std::size_t>(shape[0]), channels = static_cast<std::size_t>(shape[1]);
  const std::vector<float>&scale = node.floats(1), &bias = node.floats(2), &variance = node.floats(4);
  std::vector<float> mean = node.floats(3), factor(channels);
  for (const auto* each : {&scale, &bias, &variance, static_cast<const std::vector<float>*>(&mean)}) {
    if (each->size() != channels) throw std::runtime_error("scale, bias, mean and var must hold one number a channel");
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const double spread = std::sqrt(static_cast<double>(variance[c]) + epsilon);
    factor[c] = static_cast<float>(static_cast<double>(scale[c]) / spread);
  }
  const auto operation =
      std::make_shared<AffineOperation>(std::move(mean), std::move(factor), bias, batch, inner_of(shape));
  node.output(0, node.b.emit(operation, {node.input(0)}, shape));
}

void instance_normalization(NodeContext& node) {
  const Shape shape = node.shape(0);
  const float epsilon = node.number("epsilon", 1e-5F);
  if (shape.size() < 3) throw std::runtime_error("expected x of shape [batch, channels, ...]");
  const auto batch = static_cast<std::size_t>(shape[0]), channels = static_cast<std::size_t>(shape[1]);
  const std::vector<float>&scale = node.floats(1), &bias = node.floats(2);
  if (scale.size() != channels || bias.size() != channels) {
    throw std::runtime_error("scale and B must hold one number a channel");
  }
  const std::size_t inner = inner_of(shape);
  node.b.hold(inner);
  const auto unit = std::make_shared<LayerNormOperation>(std::vector<float>(inner, 1.0F), std::vector<float>(), epsilon,
                                                         batch * channels);
  const auto affine = std::make_shared<AffineOperation>(std::vector<float>(channels, 0.0F), scale, bias, batch, inner);
  node.output(0, node.b.emit(affine, {node.b.emit(unit, {node.input(0)}, shape)}, shape));
}

// The mean and 1 / sqrt(var + epsilon) of each row that a layer normalization gives beside its answer.
void statistics(NodeContext& node, std::size_t outer, std::size_t n, std::size_t axis, float epsilon) {
  ProgramBuilder& b = node.b;
  const auto rows = static_cast<std::int64_t>(outer);
  const Shape column{rows, 1};
  const auto mean_of = [&](ValueId x) {
    return b.emit(std::make_shared<ReduceOperation>(Reduction::kMean, outer, n), {x}, column);
  };
  const ValueId x = b.reshape(node.input(0), {rows, static_cast<std::int64_t>(n)}), mean = mean_of(x);
  const ValueId away = b.binary(kSub, x, mean), variance = mean_of(b.binary(kMul, away, away));
  const ValueId deviation = b.unary(kSqrt, b.binary(kAdd, variance, scalar(node, epsilon)));
  Shape shape = node.shape(0);
  for (std::size_t i = axis; i < shape.size(); ++i) shape[i] = 1;
  node.output(1, b.reshape(mean, shape));
  node.output(2, b.reshape(b.unary(kReciprocal, deviation), shape));
}

void layer_normalization(NodeContext& node) {
  const Shape shape = node.shape(0);
  node.require("stash_type", 1);
  const std::size_t axis = normal_axis(node.integer("axis", -1), shape.size());
  const float epsilon = node.number("epsilon", 1e-5F);
  const std::size_t n = span_of(shape, axis, shape.size());
  std::vector<float> scale = node.floats(1), bias = node.has_input(2) ? node.floats(2) : std::vector<float>();
  if (n == 0 || scale.size() != n || (!bias.empty() && bias.size() != n)) {
    throw std::runtime_error("scale and bias must cover the normalized axes");
  }
  const std::size_t outer = node.b.size(node.input(0)) / n;
  if (node.has_output(1) || node.has_output(2)) statistics(node, outer, n, axis, epsilon);
  node.output(0, node.b.emit(std::make_shared<LayerNormOperation>(std::move(scale), std::move(bias), epsilon, outer),
                             {node.input(0)}, shape));
}

void softmax(NodeContext& node, RowsOperation::Kernel kernel) {
  const Shape shape = node.shape(0);
  const std::size_t axis = normal_axis(node.integer("axis", -1), shape.size());
  const Turned turned = axis_last(node, node.input(0), axis);
  const auto operation = std::make_shared<RowsOperation>(kernel, turned.outer, turned.n);
  const Shape matrix{static_cast<std::int64_t>(turned.outer), static_cast<std::int64_t>(turned.n)};
  node.output(0, axis_back(node, node.b.emit(operation, {turned.value}, matrix), axis, shape));
}

}  // namespace

const Operators& normalization_operators() {
  static const Operators operators{
      {"BatchNormalization", batch_normalization},
      {"InstanceNormalization", instance_normalization},
      {"LayerNormalization", layer_normalization},
      {"Softmax", [](NodeContext& node) { softmax(node, function_kernels().softmax); }},
      {"LogSoftmax", [](NodeContext& node) { softmax(node, function_kernels().log_softmax); }},
  };
  return operators;
}

}  // namespace learn_rt
