#pragma once

#include <vector>

#include "lowering.h"

namespace learn_rt {

// Elements of the dimensions [first, last) of a shape.
std::size_t span_of(const Shape& shape, std::size_t first, std::size_t last);

// Brings the axes into this order, each named once.
ValueId permuted(ProgramBuilder& b, ValueId x, const std::vector<std::size_t>& order);

// Picks `picked` along an axis, which may repeat or leave out any. The shape's other dimensions stay.
ValueId pick(ProgramBuilder& b, ValueId x, std::size_t axis, const std::vector<std::int64_t>& picked);

// Elements [first, first + shape's elements) of x under that shape: a view.
ValueId part(ProgramBuilder& b, ValueId x, std::size_t first, const Shape& shape);

// Values of one element type, one after another in memory, under this shape.
ValueId joined(ProgramBuilder& b, const std::vector<ValueId>& parts, const Shape& shape);

// The axis brought to the end, and how to bring it back: [.., axis, ..] as [outer, n].
struct Turned {
  ValueId value;
  std::size_t outer, n;
};
Turned axis_last(NodeContext& node, ValueId x, std::size_t axis);
ValueId axis_back(NodeContext& node, ValueId turned, std::size_t axis, const Shape& shape);

}  // namespace learn_rt
