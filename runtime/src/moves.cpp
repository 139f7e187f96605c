#include "moves.h"

#include <numeric>

namespace learn_rt {
namespace {

// Moves the elements of [outer, a, b] to [outer, b, a].
ValueId swap_last(ProgramBuilder& b, ValueId x, std::size_t outer, std::size_t rows, std::size_t columns) {
  std::vector<std::size_t> from(outer * rows * columns);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t o = i / (rows * columns), at = i % (rows * columns);
    from[i] = o * rows * columns + at % rows * columns + at / rows;
  }
  return b.gather({x}, {static_cast<std::int64_t>(from.size())}, from);
}

}  // namespace

std::size_t span_of(const Shape& shape, std::size_t first, std::size_t last) {
  std::size_t n = 1;
  for (std::size_t i = first; i < last; ++i) n *= static_cast<std::size_t>(shape[i]);
  return n;
}

ValueId permuted(ProgramBuilder& b, ValueId x, const std::vector<std::size_t>& order) {
  const Shape old = b.shape(x);
  const std::size_t rank = old.size();
  Shape shape;
  std::vector<std::size_t> step;
  for (const std::size_t axis : order) {
    shape.push_back(old[axis]);
    step.push_back(span_of(old, axis + 1, rank));
  }
  std::vector<std::size_t> from(b.room(shape));
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t rest = i;
    for (std::size_t axis = rank; axis-- > 0;) {
      from[i] += rest % static_cast<std::size_t>(shape[axis]) * step[axis];
      rest /= static_cast<std::size_t>(shape[axis]);
    }
  }
  return b.gather({x}, shape, from);
}

ValueId pick(ProgramBuilder& b, ValueId x, std::size_t axis, const std::vector<std::int64_t>& picked) {
  Shape shape = b.shape(x);
  const std::size_t outer = span_of(shape, 0, axis), inner = span_of(shape, axis + 1, shape.size());
  const auto n = static_cast<std::size_t>(shape[axis]);
  shape[axis] = static_cast<std::int64_t>(picked.size());
  std::vector<std::size_t> from(b.room(shape));
  std::size_t to = 0;
  for (std::size_t o = 0; o < outer; ++o) {
    for (const std::int64_t p : picked) {
      for (std::size_t i = 0; i < inner; ++i) from[to++] = (o * n + static_cast<std::size_t>(p)) * inner + i;
    }
  }
  return b.gather({x}, shape, from);
}

ValueId part(ProgramBuilder& b, ValueId x, std::size_t first, const Shape& shape) {
  std::vector<std::size_t> from(b.room(shape));
  std::iota(from.begin(), from.end(), first);
  return b.gather({x}, shape, from);
}

ValueId joined(ProgramBuilder& b, const std::vector<ValueId>& parts, const Shape& shape) {
  std::vector<std::size_t> from(b.room(shape));
  std::iota(from.begin(), from.end(), std::size_t{0});
  return b.gather(parts, shape, from);
}

Turned axis_last(NodeContext& node, ValueId x, std::size_t axis) {
  const Shape shape = node.b.shape(x);
  const auto n = static_cast<std::size_t>(shape[axis]);
  const std::size_t outer = span_of(shape, 0, axis), inner = span_of(shape, axis + 1, shape.size());
  return {inner == 1 ? x : swap_last(node.b, x, outer, n, inner), outer * inner, n};
}

ValueId axis_back(NodeContext& node, ValueId turned, std::size_t axis, const Shape& shape) {
  const auto n = static_cast<std::size_t>(shape[axis]);
  const std::size_t outer = span_of(shape, 0, axis), inner = span_of(shape, axis + 1, shape.size());
  return node.b.reshape(inner == 1 ? turned : swap_last(node.b, turned, outer, inner, n), shape);
}

}  // namespace learn_rt
