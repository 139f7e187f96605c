#include "broadcast.h"

#include <algorithm>
#include <stdexcept>

namespace learn_rt {

Shape broadcast_shape(const Shape& a, const Shape& b) {
  Shape shape(std::max(a.size(), b.size()), 1);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::int64_t m = i < a.size() ? a[a.size() - 1 - i] : 1, n = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (m != n && m != 1 && n != 1) {
      throw std::runtime_error("shapes " + to_string(a) + " and " + to_string(b) + " do not go together");
    }
    shape[shape.size() - 1 - i] = m == 1 ? n : m;
  }
  count(shape);
  return shape;
}

std::vector<std::size_t> broadcast_map(const Shape& from, const Shape& shape) {
  if (broadcast_shape(from, shape) != shape) {
    throw std::runtime_error("shape " + to_string(from) + " does not spread to " + to_string(shape));
  }
  std::vector<std::size_t> map(count(shape));
  std::vector<std::size_t> step(shape.size(), 0);  // 0 along an axis that is repeated
  std::size_t size = 1;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const auto n = static_cast<std::size_t>(from[from.size() - 1 - i]);
    if (n != 1) step[shape.size() - 1 - i] = size;
    size *= n;
  }
  std::vector<std::size_t> at(shape.size(), 0);
  std::size_t source = 0;
  for (std::size_t& element : map) {
    element = source;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      source += step[axis];
      if (++at[axis] < static_cast<std::size_t>(shape[axis])) break;
      source -= step[axis] * at[axis];
      at[axis] = 0;
    }
  }
  return map;
}

}  // namespace learn_rt
