#pragma once

#include <vector>

#include "tensor.h"

namespace learn_rt {

// The shape that two shapes have in common. Throws std::runtime_error.
Shape broadcast_shape(const Shape& a, const Shape& b);

// Where each element of `shape` comes from in `from`, which is broadcast to it.
std::vector<std::size_t> broadcast_map(const Shape& from, const Shape& shape);

}  // namespace learn_rt
