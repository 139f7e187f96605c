// Operators that move elements or speak of shapes.

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {
namespace {

std::size_t product(const Shape& shape, std::size_t first, std::size_t last) {
  std::size_t n = 1;
  for (std::size_t i = first; i < last; ++i) n *= static_cast<std::size_t>(shape[i]);
  return n;
}

// Moves the elements of [outer, a, b] to [outer, b, a].
ValueId swap_last(ProgramBuilder& b, ValueId x, std::size_t outer, std::size_t rows, std::size_t columns) {
  std::vector<std::size_t> from(outer * rows * columns);
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t o = i / (rows * columns), at = i % (rows * columns);
    from[i] = o * rows * columns + at % rows * columns + at / rows;
  }
  return b.gather({x}, {static_cast<std::int64_t>(from.size())}, from);
}

// Picks `picked` along an axis, which may repeat or leave out any. The shape's other dimensions stay.
ValueId pick(ProgramBuilder& b, ValueId x, std::size_t axis, const std::vector<std::int64_t>& picked) {
  Shape shape = b.shape(x);
  const std::size_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, shape.size());
  const auto n = static_cast<std::size_t>(shape[axis]);
  shape[axis] = static_cast<std::int64_t>(picked.size());
  std::vector<std::size_t> from(count(shape));
  std::size_t to = 0;
  for (std::size_t o = 0; o < outer; ++o) {
    for (const std::int64_t p : picked) {
      for (std::size_t i = 0; i < inner; ++i) from[to++] = (o * n + static_cast<std::size_t>(p)) * inner + i;
    }
  }
  return b.gather({x}, shape, from);
}

void identity(NodeContext& node) { node.output(0, node.input(0)); }

void dropout(NodeContext& node) {
  node.integer("seed", 0);
  if (node.has_input(2) && node.integers(2).at(0) != 0) throw std::runtime_error("training mode is not supported");
  node.output(0, node.input(0));
}

void constant(NodeContext& node) {
  if (const Tensor* tensor = node.tensor("value")) return node.output(0, node.b.constant(*tensor));
  if (const auto list = node.integer_list("value_ints")) return node.output(0, node.b.integers(*list));
  if (node.has("value_int")) {
    return node.output(0, node.b.constant({{}, false, {}, {node.integer("value_int", 0)}}));
  }
  if (node.has("value_float")) {
    return node.output(0, node.b.constant({{}, true, {node.number("value_float", 0)}, {}}));
  }
  throw std::runtime_error("no value that is supported");
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

void cast(NodeContext& node) {
  const std::int64_t to = node.integer("to", 1);
  node.integer("saturate", 1);
  const Tensor* tensor = node.b.known(node.input(0));
  const bool whole = to == 6 || to == 7;
  if (to != 1 && !whole) throw std::runtime_error("to element type " + std::to_string(to) + " is not supported");
  if (tensor == nullptr || tensor->is_float != whole) {
    if (tensor == nullptr && whole) throw std::runtime_error("a computed value to whole numbers is not supported");
    return node.output(0, node.input(0));
  }
  Tensor result{tensor->shape, !whole, {}, {}};
  if (whole) {
    for (const float v : tensor->floats) {
      if (!(v > -9e15F && v < 9e15F)) throw std::runtime_error("a number that no integer can hold");
      result.ints.push_back(static_cast<std::int64_t>(v));
    }
  } else {
    result.floats.assign(tensor->ints.begin(), tensor->ints.end());
  }
  node.output(0, node.b.constant(std::move(result)));
}

void shape_of(NodeContext& node) {
  const Shape& shape = node.shape(0);
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto clamp = [rank](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const std::int64_t start = clamp(node.integer("start", 0)), end = clamp(node.integer("end", rank));
  node.output(0, node.b.integers(start < end ? Shape(shape.begin() + start, shape.begin() + end) : Shape{}));
}

void reshape(NodeContext& node) {
  Shape shape = node.integers(1);
  const Shape& old = node.shape(0);
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  std::int64_t* open = nullptr;
  Shape known = shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !zero_is_zero) {
      if (i >= old.size()) throw std::runtime_error("a 0 beyond the old shape");
      shape[i] = known[i] = old[i];
    }
    if (shape[i] == -1) {
      if (open != nullptr) throw std::runtime_error("two open dimensions");
      open = &shape[i];
      known[i] = 1;
    }
  }
  const std::size_t rest = count(known);
  if (open != nullptr) *open = rest == 0 ? 0 : static_cast<std::int64_t>(node.b.size(node.input(0)) / rest);
  node.output(0, node.b.reshape(node.input(0), shape));
}

void flatten(NodeContext& node) {
  const Shape& old = node.shape(0);
  const std::int64_t given = node.integer("axis", 1);
  const std::size_t axis = given == static_cast<std::int64_t>(old.size()) ? old.size() : normal_axis(given, old.size());
  const Shape shape{static_cast<std::int64_t>(product(old, 0, axis)),
                    static_cast<std::int64_t>(product(old, axis, old.size()))};
  node.output(0, node.b.reshape(node.input(0), shape));
}

void squeeze(NodeContext& node) {
  const Shape& old = node.shape(0);
  std::vector<bool> gone(old.size(), false);
  if (const auto axes = node.axes(1, 13)) {
    for (const std::int64_t axis : *axes) gone[normal_axis(axis, old.size())] = true;
  } else {
    for (std::size_t i = 0; i < old.size(); ++i) gone[i] = old[i] == 1;
  }
  Shape shape;
  for (std::size_t i = 0; i < old.size(); ++i) {
    if (!gone[i]) shape.push_back(old[i]);
  }
  node.output(0, node.b.reshape(node.input(0), shape));
}

void unsqueeze(NodeContext& node) {
  const auto axes = node.axes(1, 13);
  if (!axes) throw std::runtime_error("axes are missing");
  const Shape& old = node.shape(0);
  if (axes->size() > 8) throw std::runtime_error("too many dimensions");
  std::vector<bool> fresh(old.size() + axes->size(), false);
  for (const std::int64_t axis : *axes) fresh[normal_axis(axis, fresh.size())] = true;
  if (static_cast<std::size_t>(std::count(fresh.begin(), fresh.end(), true)) != axes->size()) {
    throw std::runtime_error("an axis appears twice");
  }
  Shape shape;
  std::size_t next = 0;
  for (const bool one : fresh) shape.push_back(one ? 1 : old[next++]);
  node.output(0, node.b.reshape(node.input(0), shape));
}

void transpose(NodeContext& node) {
  const Shape& old = node.shape(0);
  const std::size_t rank = old.size();
  std::vector<std::int64_t> order(rank);
  for (std::size_t i = 0; i < rank; ++i) order[i] = static_cast<std::int64_t>(rank - 1 - i);
  if (const auto given = node.integer_list("perm")) order = *given;
  std::vector<std::int64_t> sorted = order, all(rank);
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  if (sorted != all) throw std::runtime_error("perm is not an order of the axes");
  Shape shape;
  std::vector<std::size_t> step;
  for (const std::int64_t axis : order) {
    shape.push_back(old[static_cast<std::size_t>(axis)]);
    step.push_back(product(old, static_cast<std::size_t>(axis) + 1, rank));
  }
  std::vector<std::size_t> from(count(shape));
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t rest = i;
    for (std::size_t axis = rank; axis-- > 0;) {
      from[i] += rest % static_cast<std::size_t>(shape[axis]) * step[axis];
      rest /= static_cast<std::size_t>(shape[axis]);
    }
  }
  node.output(0, node.b.gather({node.input(0)}, shape, from));
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
    spans.push_back(product(other, axis, other.size()));
    starts.push_back(end);
    end += node.b.size(id);
    other[axis] = shape[axis];
    if (other != shape) throw std::runtime_error("inputs whose shapes do not go together");
  }
  std::vector<std::size_t> from;
  from.reserve(count(shape));
  for (std::size_t o = 0; o < product(shape, 0, axis); ++o) {
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

// Where element i of a padded axis comes from, or -1 for the constant.
std::int64_t padded_from(const std::string& mode, std::int64_t i, std::int64_t n) {
  if (i >= 0 && i < n) return i;
  if (mode == "edge") return i < 0 ? 0 : n - 1;
  if (mode == "wrap") return (i % n + n) % n;
  if (mode == "reflect") {
    const std::int64_t period = 2 * (n - 1);
    const std::int64_t at = period == 0 ? 0 : (i % period + period) % period;
    return at < n ? at : period - at;
  }
  return -1;
}

void pad(NodeContext& node) {
  const std::string mode = node.text("mode", "constant");
  if (mode != "constant" && mode != "edge" && mode != "wrap" && mode != "reflect") {
    throw std::runtime_error("mode " + mode.substr(0, 32) + " is not supported");
  }
  const Shape old = node.shape(0);
  std::vector<std::int64_t> axes(old.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (node.has_input(3)) axes = node.integers(3);
  const std::vector<std::int64_t> pads = node.integers(1);
  if (pads.size() != 2 * axes.size()) throw std::runtime_error("pads must hold two numbers an axis");
  Shape begin(old.size(), 0), shape = old;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const std::size_t axis = normal_axis(axes[k], old.size());
    for (const std::int64_t p : {pads[k], pads[axes.size() + k]}) {
      if (p < -old[axis] || p > std::int64_t{1} << 24) throw std::runtime_error("pads of " + std::to_string(p));
      shape[axis] += p;
    }
    begin[axis] = pads[k];
  }
  std::vector<float> fill{0.0F};
  if (mode == "constant" && node.has_input(2)) fill = node.floats(2);
  if (fill.size() != 1) throw std::runtime_error("constant_value must be one number");
  const std::size_t constant = node.b.size(node.input(0));
  std::vector<std::size_t> from(count(shape), 0);
  std::vector<bool> filled(from.size(), false);
  std::size_t inside = 1, source = 1;  // elements of one place of this axis, in the result and in x
  for (std::size_t axis = old.size(); axis-- > 0;) {
    const auto n = static_cast<std::size_t>(shape[axis]);
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::int64_t at = padded_from(mode, static_cast<std::int64_t>(i / inside % n) - begin[axis], old[axis]);
      filled[i] = filled[i] || at < 0;
      if (at > 0) from[i] += static_cast<std::size_t>(at) * source;
    }
    inside *= n;
    source *= static_cast<std::size_t>(old[axis]);
  }
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (filled[i]) from[i] = constant;
  }
  node.output(0, node.b.gather({node.input(0), scalar(node, fill[0])}, shape, from));
}

}  // namespace

Turned axis_last(NodeContext& node, ValueId x, std::size_t axis) {
  const Shape shape = node.b.shape(x);
  const auto n = static_cast<std::size_t>(shape[axis]);
  const std::size_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, shape.size());
  return {inner == 1 ? x : swap_last(node.b, x, outer, n, inner), outer * inner, n};
}

ValueId axis_back(NodeContext& node, ValueId turned, std::size_t axis, const Shape& shape) {
  const auto n = static_cast<std::size_t>(shape[axis]);
  const std::size_t outer = product(shape, 0, axis), inner = product(shape, axis + 1, shape.size());
  return node.b.reshape(inner == 1 ? turned : swap_last(node.b, turned, outer, inner, n), shape);
}

const std::map<std::string, Lowering>& shape_operators() {
  static const std::map<std::string, Lowering> operators{
      {"Identity", identity},
      {"Dropout", dropout},
      {"Constant", constant},
      {"ConstantOfShape", constant_of_shape},
      {"Cast", cast},
      {"Shape", shape_of},
      {"Reshape", reshape},
      {"Flatten", flatten},
      {"Squeeze", squeeze},
      {"Unsqueeze", unsqueeze},
      {"Transpose", transpose},
      {"Slice", slice},
      {"Split", split},
      {"Concat", concat},
      {"Gather", gather},
      {"Expand", expand},
      {"Pad", pad},
  };
  return operators;
}

}  // namespace learn_rt
