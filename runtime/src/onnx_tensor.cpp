#include <cstring>
#include <string_view>

#include "onnx_wire.h"

namespace learn_rt::onnx_wire {
namespace {

// The elements of raw_data, little-endian.
template <class From, class To>
void unpack(std::string_view raw, std::size_t elements, std::vector<To>& to) {
  if (raw.size() != elements * sizeof(From)) fail("a tensor's data does not fit its shape");
  to.resize(elements);
  for (std::size_t i = 0; i < elements; ++i) {
    From value;
    std::memcpy(&value, raw.data() + i * sizeof(From), sizeof(From));
    to[i] = static_cast<To>(value);
  }
}

}  // namespace

Tensor read_tensor(pbf_reader reader, std::string& name) {
  Tensor tensor;
  std::int64_t type = 0;
  std::string_view raw;
  bool external = false;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case number(1):
        tensor.shape.push_back(reader.get_int64());
        break;
      case text(1):
        append_packed(reader, tensor.shape);
        break;
      case number(2):
        type = reader.get_int32();
        break;
      case text(4):
        append_packed(reader, tensor.floats);
        break;
      case word(4):
        tensor.floats.push_back(reader.get_float());
        break;
      case text(10):
        for (const double value : reader.get_packed_double()) tensor.floats.push_back(static_cast<float>(value));
        break;
      case doubled(10):
        tensor.floats.push_back(static_cast<float>(reader.get_double()));
        break;
      case text(5):
      case text(7):
        append_packed(reader, tensor.ints);
        break;
      case number(5):
      case number(7):
        tensor.ints.push_back(reader.get_int64());
        break;
      case text(8):
        name = reader.get_string();
        break;
      case text(9): {
        const auto view = reader.get_view();
        raw = {view.data(), view.size()};
        break;
      }
      case text(13):
        external = true;
        reader.skip();
        break;
      case number(14):
        external = reader.get_int32() != 0 || external;
        break;
      default:
        reader.skip();
    }
  }
  if (external) fail("tensor " + name + " keeps its data in another file: save the model with its weights inside");
  if (type != kFloat && type != kDouble && type != kInt32 && type != kInt64 && type != kBool) {
    fail("tensor " + name + " has element type " + std::to_string(type) +
         ": expected float, double, int32, int64 or bool");
  }
  tensor.is_float = type == kFloat || type == kDouble;
  const std::size_t elements = count(tensor.shape);
  if (!raw.empty()) {
    if (type == kFloat) unpack<float>(raw, elements, tensor.floats);
    if (type == kDouble) unpack<double>(raw, elements, tensor.floats);
    if (type == kInt32) unpack<std::int32_t>(raw, elements, tensor.ints);
    if (type == kInt64) unpack<std::int64_t>(raw, elements, tensor.ints);
    if (type == kBool) unpack<std::uint8_t>(raw, elements, tensor.ints);
  }
  if ((tensor.is_float ? tensor.floats.size() : tensor.ints.size()) != elements) {
    fail("tensor " + name + " does not hold the " + std::to_string(elements) + " elements of its shape");
  }
  return tensor;
}

}  // namespace learn_rt::onnx_wire
