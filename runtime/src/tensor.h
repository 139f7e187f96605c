#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace learn_rt {

using Shape = std::vector<std::int64_t>;

// No tensor may hold more: a hostile file's sizes are checked against it before memory is taken.
constexpr std::size_t kMaxElements = std::size_t{1} << 24;

// Elements of a shape. Throws std::runtime_error for a negative dimension, more than 8 of them, or too many elements.
std::size_t count(const Shape& shape);

// "[1, 20, 5]".
std::string to_string(const Shape& shape);

// A constant. Whole numbers of every width, and booleans, are kept as int64.
struct Tensor {
  Shape shape;
  bool is_float = true;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
};

}  // namespace learn_rt
