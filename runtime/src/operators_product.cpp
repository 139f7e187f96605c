// Matrix products.

#include <numeric>
#include <stdexcept>

#include "moves.h"

namespace learn_rt {

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

// [batch, m, k] or [m, k] times as many constant matrices as the batch has, each packed by itself.
ValueId constant_products(NodeContext& node, ValueId a, const Tensor& matrices, const MatMulOperation::Sizes& s,
                          const Shape& shape) {
  const auto i64 = [](std::size_t v) { return static_cast<std::int64_t>(v); };
  std::vector<ValueId> parts;
  const Tensor held = matrices;  // the constant may move when others are made
  node.b.hold(held.floats.size());
  for (std::size_t k = 0; k < s.batch; ++k) {
    const ValueId left = part(node.b, a, k * s.a_step, {i64(s.m), i64(s.k)});
    const auto first = held.floats.begin() + static_cast<std::ptrdiff_t>(k * s.b_step);
    const Tensor matrix{{i64(s.k), i64(s.n)}, true, {first, first + static_cast<std::ptrdiff_t>(s.k * s.n)}, {}};
    parts.push_back(dense(node, left, matrix, s.k, s.n, false, {}, {i64(s.m), i64(s.n)}));
  }
  return joined(node.b, parts, shape);
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
  // Batches that spread over each other are written out.
  const auto spread = [&](ValueId id, const Shape& of, std::int64_t rows, std::int64_t columns) {
    if (count(of) == 1 || count(of) == batch) return id;
    Shape from = of, to = broadcast_shape(left_batch, right_batch);
    for (Shape* each : {&from, &to}) each->insert(each->end(), {rows, columns});
    return node.b.broadcast(node.b.reshape(id, from), to);
  };
  a = spread(a, left_batch, m, k);
  b = spread(b, right_batch, k, n);
  const bool a_once = count(left_batch) == 1, b_once = count(right_batch) == 1;
  // An ensemble: each batch has its own constant matrix.
  if (node.b.known(b) != nullptr && node.b.known(b)->is_float && !b_once) {
    return constant_products(node, a, *node.b.known(b), {batch, um, uk, un, a_once ? 0 : um * uk, uk * un}, shape);
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
  const ValueId a = trans_a ? permuted(node.b, node.input(0), {1, 0}) : node.input(0);
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
    y = product(node, a, trans_b ? permuted(node.b, node.input(1), {1, 0}) : node.input(1));
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

const Operators& product_operators() {
  static const Operators operators{
      {"MatMul", matmul},
      {"Gemm", gemm},
  };
  return operators;
}

}  // namespace learn_rt
