// Operators that move, choose, join and repeat elements.

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "moves.h"

namespace learn_rt {
namespace {

void transpose(NodeContext& node) {
  const std::size_t rank = node.rank(0);
  std::vector<std::size_t> order(rank);
  for (std::size_t i = 0; i < rank; ++i) order[i] = rank - 1 - i;
  if (const auto given = node.integer_list("perm")) {
    std::vector<std::int64_t> sorted = *given, all(rank);
    std::sort(sorted.begin(), sorted.end());
    std::iota(all.begin(), all.end(), 0);
    if (sorted != all) throw std::runtime_error("perm is not an order of the axes");
    order.assign(given->begin(), given->end());
  }
  node.output(0, permuted(node.b, node.input(0), order));
}

void slice(NodeContext& node) {
  ValueId x = node.input(0);
  const auto &starts = node.integers(1), &ends = node.integers(2);
  std::vector<std::int64_t> axes(starts.size()), steps(starts.size(), 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (node.has_input(3)) axes = node.integers(3);
  if (node.has_input(4)) steps = node.integers(4);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size()) {
    throw std::runtime_error("starts, ends, axes and steps must be of one length");
  }
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t axis = normal_axis(axes[i], node.b.shape(x).size());
    const std::int64_t n = node.b.shape(x)[axis], step = steps[i];
    if (step == 0 || step == std::numeric_limits<std::int64_t>::min()) throw std::runtime_error("a step of 0");
    const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    const auto clamp = [&](std::int64_t v) { return std::clamp(v < 0 ? v + n : v, low, high); };
    const std::int64_t end = clamp(ends[i]);
    std::vector<std::int64_t> picked;
    for (std::int64_t at = clamp(starts[i]); step > 0 ? at < end : at > end;) {
      picked.push_back(at);
      if (step > 0 ? step > n : -step > n) break;
      at += step;
    }
    x = pick(node.b, x, axis, picked);
  }
  node.output(0, x);
}

void split(NodeContext& node) {
  const std::size_t axis = normal_axis(node.integer("axis", 0), node.rank(0));
  const std::int64_t n = node.shape(0)[axis];
  const auto parts = static_cast<std::int64_t>(node.n_outputs());
  if (node.integer("num_outputs", parts) != parts || parts == 0) throw std::runtime_error("a wrong number of outputs");
  std::vector<std::int64_t> sizes;
  if (node.has_input(1)) {
    sizes = node.integers(1);
  } else {
    const std::int64_t each = (n + parts - 1) / parts;
    for (std::int64_t i = 0; i < parts; ++i) sizes.push_back(std::clamp<std::int64_t>(n - i * each, 0, each));
  }
  if (sizes.size() != node.n_outputs()) throw std::runtime_error("a wrong number of outputs");
  std::int64_t start = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] < 0 || sizes[i] > n - start) throw std::runtime_error("parts beyond the axis");
    std::vector<std::int64_t> picked(static_cast<std::size_t>(sizes[i]));
    std::iota(picked.begin(), picked.end(), start);
    node.output(i, pick(node.b, node.input(0), axis, picked));
    start += sizes[i];
  }
  if (start != n) throw std::runtime_error("parts that do not cover the axis");
}

void concat(NodeContext& node) {
  std::vector<ValueId> inputs;
  for (std::size_t i = 0; i < node.n_inputs(); ++i) inputs.push_back(node.input(i));
  if (inputs.empty()) throw std::runtime_error("no inputs");
  Shape shape = node.shape(0);
  const std::size_t axis = normal_axis(node.integer("axis", 0), shape.size());
  shape[axis] = 0;
  std::vector<std::size_t> starts, spans;  // of each input's elements, and how many lie together
  std::size_t end = 0;
  for (const ValueId id : inputs) {
    Shape other = node.b.shape(id);
    if (other.size() != shape.size()) throw std::runtime_error("inputs of different rank");
    shape[axis] += other[axis];
    spans.push_back(span_of(other, axis, other.size()));
    starts.push_back(end);
    end += node.b.size(id);
    other[axis] = shape[axis];
    if (other != shape) throw std::runtime_error("inputs whose shapes do not go together");
  }
  std::vector<std::size_t> from;
  from.reserve(node.b.room(shape));
  for (std::size_t o = 0; o < span_of(shape, 0, axis); ++o) {
    for (std::size_t k = 0; k < inputs.size(); ++k) {
      for (std::size_t i = 0; i < spans[k]; ++i) from.push_back(starts[k] + o * spans[k] + i);
    }
  }
  node.output(0, node.b.gather(inputs, shape, from));
}

void gather(NodeContext& node) {
  const std::size_t axis = normal_axis(node.integer("axis", 0), node.rank(0));
  const std::int64_t n = node.shape(0)[axis];
  std::vector<std::int64_t> picked = node.integers(1);
  for (std::int64_t& p : picked) {
    if (p < -n || p >= n) throw std::runtime_error("index " + std::to_string(p) + " of " + std::to_string(n));
    if (p < 0) p += n;
  }
  Shape shape = node.shape(0);
  const Shape indices = node.shape(1);
  const auto at = shape.begin() + static_cast<std::ptrdiff_t>(axis);
  shape.insert(shape.erase(at), indices.begin(), indices.end());
  count(shape);
  node.output(0, node.b.reshape(pick(node.b, node.input(0), axis, picked), shape));
}

void expand(NodeContext& node) {
  const Shape shape = broadcast_shape(node.shape(0), node.integers(1));
  node.output(0, node.b.broadcast(node.input(0), shape));
}

void tile(NodeContext& node) {
  ValueId x = node.input(0);
  const std::vector<std::int64_t> repeats = node.integers(1);
  if (repeats.size() != node.rank(0)) throw std::runtime_error("repeats must hold one number an axis");
  for (std::size_t axis = 0; axis < repeats.size(); ++axis) {
    if (repeats[axis] == 1) continue;
    const std::int64_t n = node.b.shape(x)[axis];
    if (repeats[axis] < 0 || repeats[axis] > static_cast<std::int64_t>(kMaxElements)) {
      throw std::runtime_error("repeats of " + std::to_string(repeats[axis]));
    }
    Shape shape = node.b.shape(x);
    shape[axis] = n * repeats[axis];
    count(shape);
    std::vector<std::int64_t> picked(static_cast<std::size_t>(shape[axis]));
    for (std::size_t i = 0; i < picked.size(); ++i) picked[i] = static_cast<std::int64_t>(i) % n;
    x = pick(node.b, x, axis, picked);
  }
  node.output(0, x);
}

}  // namespace

const Operators& move_operators() {
  static const Operators operators{
      {"Transpose", transpose}, {"Slice", slice},   {"Split", split}, {"Concat", concat},
      {"Gather", gather},       {"Expand", expand}, {"Tile", tile},
  };
  return operators;
}

}  // namespace learn_rt
