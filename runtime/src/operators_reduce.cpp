// Sums, means, norms and extremes over axes.

#include <stdexcept>

#include "moves.h"
#include "operation_functions.h"

namespace learn_rt {
namespace {

// What a reduction reads, and the shape of what it gives.
struct Reduced {
  ValueId matrix;  // [outer, inner]: the reduced axes brought to the end
  std::size_t outer, inner;
  Shape result;
};

// With noop_with_empty_axes and no axes each element is reduced by itself.
Reduced reduced_axes(NodeContext& node, std::int64_t since) {
  const Shape shape = node.shape(0);
  const auto axes = node.axes(1, since);
  const bool keep = node.integer("keepdims", 1) != 0, empty_is_none = node.integer("noop_with_empty_axes", 0) != 0;
  const bool none_named = !axes || axes->empty();
  std::vector<bool> reduced(shape.size(), none_named && !empty_is_none);
  if (!none_named) {
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
  const Shape matrix{static_cast<std::int64_t>(outer), static_cast<std::int64_t>(inner)};
  return Reduced{node.b.reshape(permuted(node.b, node.input(0), order), matrix), outer, inner, result};
}

ValueId emit_reduction(NodeContext& node, Reduction kind, const Reduced& r, ValueId matrix) {
  return node.b.emit(std::make_shared<ReduceOperation>(kind, r.outer, r.inner), {matrix}, r.result);
}

template <Reduction kKind>
void reduce(NodeContext& node) {
  const Reduced r = reduced_axes(node, kKind == Reduction::kSum ? 13 : 18);
  if (r.inner == 1) return node.output(0, node.b.reshape(r.matrix, r.result));
  const bool extreme = kKind == Reduction::kMax || kKind == Reduction::kMin, whole = node.b.whole(r.matrix);
  const ValueId result = emit_reduction(node, kKind, r, extreme ? node.b.as_float(r.matrix) : r.matrix);
  node.output(0, whole ? node.b.as_whole(result) : result);
}

enum class Norm { kL1, kL2, kSquares, kLogSumExp };

// A reduction of a function of the elements, and a function of the result.
template <Norm kNorm>
void reduce_norm(NodeContext& node) {
  const Reduced r = reduced_axes(node, 18);
  if constexpr (kNorm == Norm::kLogSumExp) {
    const auto n = static_cast<std::int64_t>(r.outer);
    const auto column = [&](ValueId id) { return node.b.reshape(id, {n, 1}); };
    const ValueId largest = emit_reduction(node, Reduction::kMax, r, r.matrix);
    const ValueId away = node.b.unary(kExp, node.b.binary(kSub, r.matrix, column(largest)));
    const ValueId sum = emit_reduction(node, Reduction::kSum, r, away);
    return node.output(0, node.b.binary(kAdd, node.b.unary(kLog, sum), largest));
  }
  const ValueId x = r.matrix;
  const ValueId terms = kNorm == Norm::kL1 ? node.b.unary(kAbs, x) : node.b.binary(kMul, x, x);
  const ValueId sum = emit_reduction(node, Reduction::kSum, r, terms);
  node.output(0, kNorm == Norm::kL2 ? node.b.unary(kSqrt, sum) : sum);
}

void arg_max(NodeContext& node) {
  const Shape shape = node.shape(0);
  const std::size_t axis = normal_axis(node.integer("axis", 0), shape.size());
  const bool keep = node.integer("keepdims", 1) != 0, last = node.integer("select_last_index", 0) != 0;
  const Turned turned = axis_last(node, node.input(0), axis);
  if (turned.outer == 0 || turned.n == 0) throw std::runtime_error("an empty tensor");
  Shape result = shape;
  result[axis] = 1;
  if (!keep) result.erase(result.begin() + static_cast<std::ptrdiff_t>(axis));
  const auto operation = std::make_shared<ArgMaxOperation>(turned.outer, turned.n, last);
  node.output(0, node.b.as_whole(node.b.emit(operation, {turned.value}, result)));
}

}  // namespace

const Operators& reduce_operators() {
  static const Operators operators{
      {"ReduceSum", reduce<Reduction::kSum>},
      {"ReduceMean", reduce<Reduction::kMean>},
      {"ReduceMax", reduce<Reduction::kMax>},
      {"ReduceMin", reduce<Reduction::kMin>},
      {"ReduceL1", reduce_norm<Norm::kL1>},
      {"ReduceL2", reduce_norm<Norm::kL2>},
      {"ReduceSumSquare", reduce_norm<Norm::kSquares>},
      {"ReduceLogSumExp", reduce_norm<Norm::kLogSumExp>},
      {"ArgMax", arg_max},
  };
  return operators;
}

}  // namespace learn_rt
