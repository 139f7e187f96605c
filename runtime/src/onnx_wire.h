#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "tensor.h"

namespace learn_rt::onnx_wire {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

// Every read is guarded by the wire type that stands in the file, so a flipped bit skips a field or ends in an
// exception.
constexpr std::uint32_t text(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::length_delimited); }
constexpr std::uint32_t number(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::varint); }
constexpr std::uint32_t word(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::fixed32); }
constexpr std::uint32_t doubled(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::fixed64); }

[[noreturn]] inline void fail(const std::string& what) { throw std::runtime_error("ONNX: " + what); }

inline void append_packed(pbf_reader& reader, std::vector<std::int64_t>& to) {
  for (const std::int64_t value : reader.get_packed_int64()) to.push_back(value);
}

inline void append_packed(pbf_reader& reader, std::vector<float>& to) {
  for (const float value : reader.get_packed_float()) to.push_back(value);
}

// The standard's numbers of the element types that are read.
enum ElementType : std::int64_t { kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9, kDouble = 11 };

// Reads a TensorProto. Throws std::runtime_error, or protozero::exception when it is cut off.
Tensor read_tensor(pbf_reader reader, std::string& name);

}  // namespace learn_rt::onnx_wire
