// The same elements in the same order under another shape.

#include <algorithm>
#include <stdexcept>

#include "moves.h"

namespace learn_rt {
namespace {

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
  const Shape shape{static_cast<std::int64_t>(span_of(old, 0, axis)),
                    static_cast<std::int64_t>(span_of(old, axis, old.size()))};
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

}  // namespace

const Operators& shape_operators() {
  static const Operators operators{
      {"Reshape", reshape},
      {"Flatten", flatten},
      {"Squeeze", squeeze},
      {"Unsqueeze", unsqueeze},
  };
  return operators;
}

}  // namespace learn_rt
