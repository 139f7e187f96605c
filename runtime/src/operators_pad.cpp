// Pads of every mode.

#include <numeric>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {
namespace {

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
  const bool whole = node.b.whole(node.input(0));
  ValueId fill = whole ? node.b.integers({0}) : scalar(node, 0.0F);
  if (mode == "constant" && node.has_input(2)) {
    fill = node.input(2);
    if (node.b.known(fill) == nullptr || node.b.size(fill) != 1 || node.b.whole(fill) != whole) {
      throw std::runtime_error("constant_value must be one constant of x's type");
    }
  }
  const std::size_t constant = node.b.size(node.input(0));
  if (constant == 0) throw std::runtime_error("an empty tensor");
  std::vector<std::size_t> from(node.b.room(shape), 0);
  std::vector<bool> filled(from.size(), false);
  std::size_t inside = 1, source = 1;  // elements of one place of this axis, in the result and in x
  for (std::size_t axis = old.size(); axis-- > 0;) {
    const auto n = static_cast<std::size_t>(shape[axis]);
    Shape places;
    for (std::int64_t i = 0; i < shape[axis]; ++i) places.push_back(padded_from(mode, i - begin[axis], old[axis]));
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::int64_t at = places[i / inside % n];
      filled[i] = filled[i] || at < 0;
      if (at > 0) from[i] += static_cast<std::size_t>(at) * source;
    }
    inside *= n;
    source *= static_cast<std::size_t>(old[axis]);
  }
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (filled[i]) from[i] = constant;
  }
  node.output(0, node.b.gather({node.input(0), fill}, shape, from));
}

}  // namespace

const Operators& pad_operators() {
  static const Operators operators{
      {"Pad", pad},
  };
  return operators;
}

}  // namespace learn_rt
