// Arithmetic, activations, sums, matrix products, layer normalization.

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {
namespace {

ValueId scalar(NodeContext& node, float value) { return node.b.constant({{}, true, {value}, {}}); }

template <Unary kKind>
void unary(NodeContext& node) {
  node.output(0, node.b.unary(kKind, node.input(0)));
}

// The constant of Max and Min comes first: then a NaN goes through.
template <Binary kKind>
void binary(NodeContext& node) {
  ValueId a = node.input(0), b = node.input(1);
  if ((kKind == kMin || kKind == kMax) && node.b.known(b) != nullptr) std::swap(a, b);
  ValueId result = node.b.binary(kKind, a, b);
  for (std::size_t i = 2; i < node.n_inputs(); ++i) result = node.b.binary(kKind, node.input(i), result);
  node.output(0, result);
}

template <Binary kKind>
void extreme(NodeContext& node) {
  if (node.n_inputs() == 1) return node.output(0, node.input(0));
  binary<kKind>(node);
}

void clip(NodeContext& node) {
  ValueId x = node.input(0);
  if (node.has_input(1)) x = node.b.binary(kMax, node.input(1), x);
  if (node.has_input(2)) x = node.b.binary(kMin, node.input(2), x);
  node.output(0, x);
}

void leaky_relu(NodeContext& node) {
  const ValueId zero = scalar(node, 0.0F), x = node.input(0);
  const ValueId below = node.b.binary(kMul, node.b.binary(kMin, zero, x), scalar(node, node.number("alpha", 0.01F)));
  node.output(0, node.b.binary(kAdd, node.b.binary(kMax, zero, x), below));
}

void pow(NodeContext& node) {
  const auto& exponent = node.floats(1);
  const ValueId x = node.input(0);
  if (exponent.size() == 1 && exponent[0] == 2.0F) return node.output(0, node.b.binary(kMul, x, x));
  if (exponent.size() == 1 && exponent[0] == 0.5F) return node.output(0, node.b.unary(kSqrt, x));
  throw std::runtime_error("only the exponents 2 and 0.5 are supported");
}

// Brings the reduced axes to the end, then reduces [outer, inner] to [outer].
template <Reduction kKind>
void reduce(NodeContext& node) {
  const Shape shape = node.shape(0);
  const std::int64_t since = kKind == Reduction::kSum ? 13 : 18;
  const auto axes = node.axes(1, since);
  const bool keep = node.integer("keepdims", 1) != 0, empty_is_none = node.integer("noop_with_empty_axes", 0) != 0;
  const bool all = !axes || axes->empty();
  if (all && empty_is_none) return node.output(0, node.input(0));
  std::vector<bool> reduced(shape.size(), all);
  if (!all) {
    for (const std::int64_t axis : *axes) reduced[normal_axis(axis, shape.size())] = true;
  }
  Shape kept_shape, result;
  std::vector<std::size_t> order;
  std::size_t outer = 1, inner = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (reduced[i]) {
      inner *= static_cast<std::size_t>(shape[i]);
      if (keep) result.push_back(1);
    } else {
      outer *= static_cast<std::size_t>(shape[i]);
      order.push_back(i);
      result.push_back(shape[i]);
    }
  }
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (reduced[i]) order.push_back(i);
  }
  std::vector<std::size_t> step(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) step[i - 1] = step[i] * static_cast<std::size_t>(shape[i]);
  std::vector<std::size_t> from(node.b.size(node.input(0)));
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t rest = i;
    for (std::size_t k = order.size(); k-- > 0;) {
      const auto n = static_cast<std::size_t>(shape[order[k]]);
      from[i] += rest % n * step[order[k]];
      rest /= n;
    }
  }
  const Shape matrix{static_cast<std::int64_t>(outer), static_cast<std::int64_t>(inner)};
  const ValueId x = node.b.gather({node.input(0)}, matrix, from);
  node.output(0, node.b.emit(std::make_shared<ReduceOperation>(kKind, outer, inner), {x}, result));
}

// x [inner, inputs] times a constant matrix. A few outputs are summed in double.
ValueId dense(NodeContext& node, ValueId x, const Tensor& matrix, std::size_t inputs, std::size_t outputs,
              bool transposed, std::vector<float> bias, const Shape& shape) {
  constexpr std::size_t kThin = 4;
  if (inputs == 0 || outputs == 0) throw std::runtime_error("an empty matrix");
  if (!matrix.is_float) throw std::runtime_error("whole numbers where floats are expected");
  const std::vector<float>& weights = matrix.floats;
  const std::size_t inner = node.b.size(x) / inputs;
  node.b.hold(outputs > kThin ? packed_size(inputs, outputs) : weights.size());
  node.b.multiply(inner, inputs, outputs);
  if (outputs > kThin) {
    Panels panels = pack(weights.data(), inputs, outputs, transposed, bias.empty() ? nullptr : bias.data());
    return node.b.emit(std::make_shared<DenseOperation>(std::move(panels), inner), {x}, shape);
  }
  std::vector<float> rows(weights.size());
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t i = 0; i < inputs; ++i) {
      rows[o * inputs + i] = transposed ? weights[o * inputs + i] : weights[i * outputs + o];
    }
  }
  bias.resize(outputs, 0.0F);
  return node.b.emit(std::make_shared<ThinDenseOperation>(std::move(rows), std::move(bias), inner), {x}, shape);
}

ValueId transposed(ProgramBuilder& b, ValueId x) {
  const Shape& old = b.shape(x);
  const auto rows = static_cast<std::size_t>(old[0]), columns = static_cast<std::size_t>(old[1]);
  std::vector<std::size_t> from(rows * columns);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = i % rows * columns + i / rows;
  return b.gather({x}, {old[1], old[0]}, from);
}

// [.., m, k] times [.., k, n].
ValueId product(NodeContext& node, ValueId a, ValueId b) {
  Shape left = node.b.shape(a), right = node.b.shape(b);
  if (left.empty() || right.empty()) throw std::runtime_error("a product with a scalar");
  const bool row = left.size() == 1, column = right.size() == 1;
  if (row) left.insert(left.begin(), 1);
  if (column) right.push_back(1);
  const std::int64_t k = left.back(), m = left[left.size() - 2], n = right.back();
  if (right[right.size() - 2] != k) {
    throw std::runtime_error("shapes " + to_string(left) + " and " + to_string(right) + " do not go together");
  }
  const Shape left_batch(left.begin(), left.end() - 2), right_batch(right.begin(), right.end() - 2);
  Shape shape = broadcast_shape(left_batch, right_batch);
  const std::size_t batch = count(shape);
  if (!row) shape.push_back(m);
  if (!column) shape.push_back(n);
  count(shape);
  const auto uk = static_cast<std::size_t>(k), um = static_cast<std::size_t>(m), un = static_cast<std::size_t>(n);
  if (node.b.known(b) != nullptr && right.size() == 2)
    return dense(node, a, *node.b.known(b), uk, un, false, {}, shape);
  const bool a_once = count(left_batch) == 1, b_once = count(right_batch) == 1;
  if ((!a_once && count(left_batch) != batch) || (!b_once && count(right_batch) != batch)) {
    throw std::runtime_error("batches that spread over each other are not supported");
  }
  node.b.multiply(batch * um, uk, un);
  const MatMulOperation::Sizes sizes{batch, um, uk, un, a_once ? 0 : um * uk, b_once ? 0 : uk * un};
  return node.b.emit(std::make_shared<MatMulOperation>(sizes), {a, b}, shape);
}

void matmul(NodeContext& node) { node.output(0, product(node, node.input(0), node.input(1))); }

void gemm(NodeContext& node) {
  const float alpha = node.number("alpha", 1.0F), beta = node.number("beta", 1.0F);
  const bool trans_a = node.integer("transA", 0) != 0, trans_b = node.integer("transB", 0) != 0;
  if (node.rank(0) != 2 || node.rank(1) != 2) throw std::runtime_error("expected two matrices");
  const ValueId a = trans_a ? transposed(node.b, node.input(0)) : node.input(0);
  const Shape& right = node.shape(1);
  const std::int64_t k = trans_b ? right[1] : right[0], n = trans_b ? right[0] : right[1];
  if (node.b.shape(a)[1] != k) throw std::runtime_error("matrices that do not go together");
  const Shape shape{node.b.shape(a)[0], n};
  count(shape);

  // A constant bias of one row goes into the product.
  bool has_bias = node.has_input(2) && beta != 0.0F;
  std::vector<float> bias;
  if (has_bias && alpha == 1.0F && beta == 1.0F && node.b.known(node.input(2)) != nullptr &&
      node.b.known(node.input(1)) != nullptr) {
    const auto& given = node.floats(2);
    if (given.size() == static_cast<std::size_t>(n) && broadcast_shape(node.shape(2), {1, n}) == Shape{1, n}) {
      bias = given;
      has_bias = false;
    }
  }
  ValueId y;
  if (const Tensor* weights = node.b.known(node.input(1))) {
    y = dense(node, a, *weights, static_cast<std::size_t>(k), static_cast<std::size_t>(n), trans_b, std::move(bias),
              shape);
  } else {
    y = product(node, a, trans_b ? transposed(node.b, node.input(1)) : node.input(1));
  }
  if (alpha != 1.0F) y = node.b.binary(kMul, y, scalar(node, alpha));
  if (has_bias) {
    ValueId c = node.input(2);
    if (beta != 1.0F) c = node.b.binary(kMul, c, scalar(node, beta));
    y = node.b.binary(kAdd, y, c);
  }
  if (node.b.shape(y) != shape) throw std::runtime_error("a bias larger than the product");
  node.output(0, y);
}

void layer_normalization(NodeContext& node) {
  const Shape shape = node.shape(0);
  node.require("stash_type", 1);
  const std::size_t axis = normal_axis(node.integer("axis", -1), shape.size());
  const float epsilon = node.number("epsilon", 1e-5F);
  if (node.has_output(1) || node.has_output(2)) throw std::runtime_error("only the first output is supported");
  std::size_t n = 1;
  for (std::size_t i = axis; i < shape.size(); ++i) n *= static_cast<std::size_t>(shape[i]);
  std::vector<float> scale = node.floats(1), bias = node.has_input(2) ? node.floats(2) : std::vector<float>();
  if (n == 0 || scale.size() != n || (!bias.empty() && bias.size() != n)) {
    throw std::runtime_error("scale and bias must cover the normalized axes");
  }
  const std::size_t outer = node.b.size(node.input(0)) / n;
  node.output(0, node.b.emit(std::make_shared<LayerNormOperation>(std::move(scale), std::move(bias), epsilon, outer),
                             {node.input(0)}, shape));
}

}  // namespace

const std::map<std::string, Lowering>& math_operators() {
  static const std::map<std::string, Lowering> operators{
      {"Relu", unary<kRelu>},
      {"Abs", unary<kAbs>},
      {"Neg", unary<kNeg>},
      {"Sigmoid", unary<kSigmoid>},
      {"Tanh", unary<kTanh>},
      {"Exp", unary<kExp>},
      {"Sqrt", unary<kSqrt>},
      {"Reciprocal", unary<kReciprocal>},
      {"Add", binary<kAdd>},
      {"Sub", binary<kSub>},
      {"Mul", binary<kMul>},
      {"Div", binary<kDiv>},
      {"Min", extreme<kMin>},
      {"Max", extreme<kMax>},
      {"Clip", clip},
      {"LeakyRelu", leaky_relu},
      {"Pow", pow},
      {"ReduceSum", reduce<Reduction::kSum>},
      {"ReduceMean", reduce<Reduction::kMean>},
      {"ReduceMax", reduce<Reduction::kMax>},
      {"ReduceMin", reduce<Reduction::kMin>},
      {"MatMul", matmul},
      {"Gemm", gemm},
      {"LayerNormalization", layer_normalization},
  };
  return operators;
}

}  // namespace learn_rt
