// Comparisons and choices. A truth is 1 or 0, as a float where it is computed.

#include <stdexcept>

#include "lowering.h"
#include "operation_functions.h"

namespace learn_rt {
namespace {

// Whole numbers that are known, and so compared as such.
bool whole(NodeContext& node, ValueId id) { return node.b.known(id) != nullptr && node.b.whole(id); }

// Two inputs, whole numbers only when both are.
std::pair<ValueId, ValueId> both(NodeContext& node) {
  const ValueId a = node.input(0), b = node.input(1);
  if (whole(node, a) && whole(node, b)) return {a, b};
  return {node.b.as_float(a), node.b.as_float(b)};
}

template <Binary kKind, bool kSwapped = false>
void compare(NodeContext& node) {
  const auto [a, b] = both(node);
  node.output(0, kSwapped ? node.b.binary(kKind, b, a) : node.b.binary(kKind, a, b));
}

ValueId inverted(NodeContext& node, ValueId x) {
  if (whole(node, x)) return node.b.binary(kEqual, x, node.b.integers({0}));
  return node.b.binary(kEqual, node.b.as_float(x), scalar(node, 0.0F));
}

void invert(NodeContext& node) {
  const Shape shape = node.shape(0);
  node.output(0, node.b.reshape(inverted(node, node.input(0)), shape));
}

void is_nan(NodeContext& node) {
  const ValueId x = node.input(0);
  node.output(0, inverted(node, node.b.binary(kEqual, x, x)));
}

// The constants of a choice between whole numbers, which only shapes are.
void choose_whole(NodeContext& node, const Shape& shape) {
  node.b.room(shape);
  const auto elements = [&](std::size_t i) {
    const Tensor& tensor = *node.b.known(node.input(i));
    std::vector<std::int64_t> spread;
    for (const std::size_t from : broadcast_map(tensor.shape, shape)) spread.push_back(tensor.ints[from]);
    return spread;
  };
  const auto c = elements(0), a = elements(1), b = elements(2);
  Tensor result{shape, false, {}, {}};
  for (std::size_t i = 0; i < c.size(); ++i) result.ints.push_back(c[i] != 0 ? a[i] : b[i]);
  node.output(0, node.b.constant(std::move(result)));
}

void where(NodeContext& node) {
  const Shape shape = broadcast_shape(node.shape(0), broadcast_shape(node.shape(1), node.shape(2)));
  if (whole(node, node.input(0)) && whole(node, node.input(1)) && whole(node, node.input(2))) {
    return choose_whole(node, shape);
  }
  if (node.b.whole(node.input(1)) || node.b.whole(node.input(2))) {
    throw std::runtime_error("a choice between whole numbers that is computed is not supported");
  }
  const ValueId c = node.b.broadcast(node.b.as_float(node.input(0)), shape);
  const ValueId a = node.b.broadcast(node.input(1), shape), b = node.b.broadcast(node.input(2), shape);
  node.output(0, node.b.emit(std::make_shared<SelectOperation>(count(shape)), {c, a, b}, shape));
}

}  // namespace

const Operators& logic_operators() {
  static const Operators operators{
      {"Equal", compare<kEqual>},
      {"Greater", compare<kGreater>},
      {"GreaterOrEqual", compare<kGreaterOrEqual>},
      {"Less", compare<kGreater, true>},
      {"LessOrEqual", compare<kGreaterOrEqual, true>},
      {"And", compare<kAnd>},
      {"Or", compare<kOr>},
      {"Not", invert},
      {"IsNaN", is_nan},
      {"Where", where},
  };
  return operators;
}

}  // namespace learn_rt
