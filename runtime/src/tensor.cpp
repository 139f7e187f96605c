#include "tensor.h"

#include <stdexcept>

namespace learn_rt {

std::size_t count(const Shape& shape) {
  if (shape.size() > 8) throw std::runtime_error("a tensor of more than 8 dimensions");
  std::size_t elements = 1;
  for (const std::int64_t n : shape) {
    if (n < 0) throw std::runtime_error("a negative dimension in " + to_string(shape));
    if (n != 0 && elements > kMaxElements / static_cast<std::size_t>(n)) {
      throw std::runtime_error("a tensor of " + to_string(shape) + " elements is too large");
    }
    elements *= static_cast<std::size_t>(n);
  }
  return elements;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t n : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
  return text + "]";
}

}  // namespace learn_rt
