// Arithmetic, sums, matrix products.

#include <algorithm>
#include <numeric>
#include <optional>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {

ValueId scalar(NodeContext& node, float value) { return node.b.constant({{}, true, {value}, {}}); }

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

namespace {

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

void pow(NodeContext& node) {
  const ValueId x = node.input(0);
  ValueId exponent = node.input(1);
  if (const Tensor* known = node.b.known(exponent)) {
    Tensor floats{known->shape, true, known->floats, {}};
    if (!known->is_float) floats.floats.assign(known->ints.begin(), known->ints.end());
    const bool one = floats.floats.size() == 1 && broadcast_shape(node.b.shape(x), known->shape) == node.b.shape(x);
    const float n = one ? floats.floats[0] : 0.0F;
    if (n == 2.0F) return node.output(0, node.b.binary(kMul, x, x));
    if (n == 3.0F) return node.output(0, node.b.binary(kMul, node.b.binary(kMul, x, x), x));
    if (n == 0.5F) return node.output(0, node.b.unary(kSqrt, x));
    if (!known->is_float) exponent = node.b.constant(std::move(floats));
  }
  node.output(0, node.b.binary(kPow, x, exponent));
}

// What a reduction reads, and the shape of what it gives.
struct Reduced {
  ValueId matrix;  // [outer, inner]: the reduced axes brought to the end
  std::size_t outer, inner;
  Shape result;
};

// No value when nothing is to be reduced.
std::optional<Reduced> reduced_axes(NodeContext& node, std::int64_t since) {
  const Shape shape = node.shape(0);
  const auto axes = node.axes(1, since);
  const bool keep = node.integer("keepdims", 1) != 0, empty_is_none = node.integer("noop_with_empty_axes", 0) != 0;
  const bool all = !axes || axes->empty();
  if (all && empty_is_none) return std::nullopt;
  std::vector<bool> reduced(shape.size(), all);
  if (!all) {
    for (const std::int64_t axis : *axes) reduced[normal_axis(axis, shape.size())] = true;
  }
  Shape result;
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
  return Reduced{node.b.gather({node.input(0)}, matrix, from), outer, inner, result};
}

ValueId emit_reduction(NodeContext& node, Reduction kind, const Reduced& r, ValueId matrix) {
  return node.b.emit(std::make_shared<ReduceOperation>(kind, r.outer, r.inner), {matrix}, r.result);
}

template <Reduction kKind>
void reduce(NodeContext& node) {
  const auto r = reduced_axes(node, kKind == Reduction::kSum ? 13 : 18);
  node.output(0, r ? emit_reduction(node, kKind, *r, r->matrix) : node.input(0));
}

enum class Norm { kL1, kL2, kSquares, kLogSumExp };

// A reduction of a function of the elements, and a function of the result.
template <Norm kNorm>
void reduce_norm(NodeContext& node) {
  const auto r = reduced_axes(node, 18);
  if (!r) throw std::runtime_error("noop_with_empty_axes = 1 is not supported");
  if constexpr (kNorm == Norm::kLogSumExp) {
    const auto n = static_cast<std::int64_t>(r->outer);
    const auto column = [&](ValueId id) { return node.b.reshape(id, {n, 1}); };
    const ValueId largest = emit_reduction(node, Reduction::kMax, *r, r->matrix);
    const ValueId away = node.b.unary(kExp, node.b.binary(kSub, r->matrix, column(largest)));
    const ValueId sum = emit_reduction(node, Reduction::kSum, *r, away);
    return node.output(0, node.b.binary(kAdd, node.b.unary(kLog, sum), largest));
  }
  const ValueId x = r->matrix;
  const ValueId terms = kNorm == Norm::kL1 ? node.b.unary(kAbs, x) : node.b.binary(kMul, x, x);
  const ValueId sum = emit_reduction(node, Reduction::kSum, *r, terms);
  node.output(0, kNorm == Norm::kL2 ? node.b.unary(kSqrt, sum) : sum);
}

ValueId transposed(ProgramBuilder& b, ValueId x) {
  const Shape& old = b.shape(x);
  const auto rows = static_cast<std::size_t>(old[0]), columns = static_cast<std::size_t>(old[1]);
  std::vector<std::size_t> from(rows * columns);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = i % rows * columns + i / rows;
  return b.gather({x}, {old[1], old[0]}, from);
}

// [batch, m, k] or [m, k] times as many constant matrices as the batch has, each packed by itself.
ValueId constant_products(NodeContext& node, ValueId a, const Tensor& matrices, const MatMulOperation::Sizes& s,
                          const Shape& shape) {
  const auto i64 = [](std::size_t v) { return static_cast<std::int64_t>(v); };
  std::vector<ValueId> parts;
  const Tensor held = matrices;  // the constant may move when others are made
  node.b.hold(held.floats.size());
  for (std::size_t k = 0; k < s.batch; ++k) {
    std::vector<std::size_t> from(s.m * s.k);
    std::iota(from.begin(), from.end(), k * s.a_step);
    const ValueId left = node.b.gather({a}, {i64(s.m), i64(s.k)}, from);
    const auto first = held.floats.begin() + static_cast<std::ptrdiff_t>(k * s.b_step);
    const Tensor matrix{{i64(s.k), i64(s.n)}, true, {first, first + static_cast<std::ptrdiff_t>(s.b_step)}, {}};
    parts.push_back(dense(node, left, matrix, s.k, s.n, false, {}, {i64(s.m), i64(s.n)}));
  }
  std::vector<std::size_t> all(s.batch * s.m * s.n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return node.b.gather(parts, shape, all);
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
  // An ensemble: each batch has its own constant matrix.
  if (node.b.known(b) != nullptr && node.b.known(b)->is_float && count(right_batch) == batch &&
      (a_once || count(left_batch) == batch)) {
    return constant_products(node, a, *node.b.known(b), {batch, um, uk, un, a_once ? 0 : um * uk, uk * un}, shape);
  }
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

}  // namespace

const std::map<std::string, Lowering>& math_operators() {
  static const std::map<std::string, Lowering> operators{
      {"Add", binary<kAdd>},
      {"Sub", binary<kSub>},
      {"Mul", binary<kMul>},
      {"Div", binary<kDiv>},
      {"Min", extreme<kMin>},
      {"Max", extreme<kMax>},
      {"Clip", clip},
      {"Pow", pow},
      {"ReduceSum", reduce<Reduction::kSum>},
      {"ReduceMean", reduce<Reduction::kMean>},
      {"ReduceMax", reduce<Reduction::kMax>},
      {"ReduceMin", reduce<Reduction::kMin>},
      {"ReduceL1", reduce_norm<Norm::kL1>},
      {"ReduceL2", reduce_norm<Norm::kL2>},
      {"ReduceSumSquare", reduce_norm<Norm::kSquares>},
      {"ReduceLogSumExp", reduce_norm<Norm::kLogSumExp>},
      {"MatMul", matmul},
      {"Gemm", gemm},
  };
  return operators;
}

}  // namespace learn_rt
