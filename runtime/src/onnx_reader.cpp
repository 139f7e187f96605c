#include "onnx_reader.h"

#include <algorithm>
#include <cstring>
#include <protozero/pbf_reader.hpp>
#include <stdexcept>

namespace learn_rt {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

constexpr std::size_t kMaxNodes = 100'000;

// Every read is guarded by the wire type that stands in the file, so a flipped bit skips a field or ends in an
// exception.
constexpr std::uint32_t text(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::length_delimited); }
constexpr std::uint32_t number(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::varint); }
constexpr std::uint32_t word(protozero::pbf_tag_type tag) { return tag_and_type(tag, pbf_wire_type::fixed32); }

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("ONNX: " + what); }

void append_packed(pbf_reader& reader, std::vector<std::int64_t>& to) {
  for (const std::int64_t value : reader.get_packed_int64()) to.push_back(value);
}

void append_packed(pbf_reader& reader, std::vector<float>& to) {
  for (const float value : reader.get_packed_float()) to.push_back(value);
}

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

Tensor read_tensor(pbf_reader reader, std::string& name) {
  enum Type { kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9 };
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
  if (external) fail("tensor " + name + " keeps its data in another file");
  if (type != kFloat && type != kInt32 && type != kInt64 && type != kBool) {
    fail("tensor " + name + " has element type " + std::to_string(type) + ": expected float, int32, int64 or bool");
  }
  tensor.is_float = type == kFloat;
  const std::size_t elements = count(tensor.shape);
  if (!raw.empty()) {
    if (type == kFloat) unpack<float>(raw, elements, tensor.floats);
    if (type == kInt32) unpack<std::int32_t>(raw, elements, tensor.ints);
    if (type == kInt64) unpack<std::int64_t>(raw, elements, tensor.ints);
    if (type == kBool) unpack<std::uint8_t>(raw, elements, tensor.ints);
  }
  if ((tensor.is_float ? tensor.floats.size() : tensor.ints.size()) != elements) {
    fail("tensor " + name + " does not hold the " + std::to_string(elements) + " elements of its shape");
  }
  return tensor;
}

OnnxAttribute read_attribute(pbf_reader reader, std::string& name) {
  OnnxAttribute attribute;
  std::string ignored;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case text(1):
        name = reader.get_string();
        break;
      case word(2):
        attribute.f = reader.get_float();
        break;
      case number(3):
        attribute.i = reader.get_int64();
        break;
      case text(4):
        attribute.s = reader.get_string();
        break;
      case text(5):
        attribute.tensor = read_tensor(reader.get_message(), ignored);
        break;
      case text(6):
      case text(11):
        fail("a node with a graph inside (If, Loop, Scan) is not supported");
      case text(7):
        append_packed(reader, attribute.floats);
        break;
      case word(7):
        attribute.floats.push_back(reader.get_float());
        break;
      case text(8):
        append_packed(reader, attribute.ints);
        break;
      case number(8):
        attribute.ints.push_back(reader.get_int64());
        break;
      case text(9):
        attribute.strings.push_back(reader.get_string());
        break;
      case text(21):
        fail("a function's attribute outside a function");
      default:
        reader.skip();
    }
  }
  return attribute;
}

OnnxNode read_node(pbf_reader reader) {
  OnnxNode node;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case text(1):
        node.inputs.push_back(reader.get_string());
        break;
      case text(2):
        node.outputs.push_back(reader.get_string());
        break;
      case text(3):
        node.name = reader.get_string();
        break;
      case text(4):
        node.op = reader.get_string();
        break;
      case text(5): {
        std::string name;
        OnnxAttribute attribute = read_attribute(reader.get_message(), name);
        node.attributes[name] = std::move(attribute);
        break;
      }
      case text(7):
        node.domain = reader.get_string();
        break;
      default:
        reader.skip();
    }
  }
  return node;
}

Shape read_shape(pbf_reader reader) {
  Shape shape;
  while (reader.next(1, pbf_wire_type::length_delimited)) {
    std::int64_t size = -1;
    pbf_reader dimension = reader.get_message();
    while (dimension.next()) {
      if (dimension.tag_and_type() == number(1)) {
        size = dimension.get_int64();
      } else {
        dimension.skip();
      }
    }
    shape.push_back(size);
  }
  return shape;
}

OnnxInput read_value_info(pbf_reader reader) {
  OnnxInput input;
  while (reader.next()) {
    if (reader.tag_and_type() == text(1)) {
      input.name = reader.get_string();
    } else if (reader.tag_and_type() == text(2)) {
      pbf_reader type = reader.get_message();
      while (type.next()) {
        if (type.tag_and_type() != text(1)) {
          type.skip();
          continue;
        }
        pbf_reader tensor = type.get_message();
        while (tensor.next()) {
          if (tensor.tag_and_type() == text(2)) {
            input.shape = read_shape(tensor.get_message());
          } else {
            tensor.skip();
          }
        }
      }
    } else {
      reader.skip();
    }
  }
  return input;
}

void read_graph(pbf_reader reader, OnnxGraph& graph) {
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case text(1):
        if (graph.nodes.size() == kMaxNodes) fail("more than " + std::to_string(kMaxNodes) + " nodes");
        graph.nodes.push_back(read_node(reader.get_message()));
        break;
      case text(5): {
        std::string name;
        Tensor tensor = read_tensor(reader.get_message(), name);
        if (!graph.initializers.emplace(name, std::move(tensor)).second) fail("initializer " + name + " appears twice");
        break;
      }
      case text(11):
        graph.inputs.push_back(read_value_info(reader.get_message()));
        break;
      case text(12):
        graph.outputs.push_back(read_value_info(reader.get_message()).name);
        break;
      case text(15):
        fail("sparse initializers are not supported");
      default:
        reader.skip();
    }
  }
}

void read_opset(pbf_reader reader, OnnxGraph& graph) {
  std::string domain;
  std::int64_t version = 0;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case text(1):
        domain = reader.get_string();
        break;
      case number(2):
        version = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  if (domain.empty() || domain == "ai.onnx") graph.opset = version;
}

}  // namespace

OnnxGraph read_onnx(std::string_view bytes) {
  OnnxGraph graph;
  bool found = false;
  try {
    pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case text(7):
          if (found) fail("two graphs in one file");
          found = true;
          read_graph(reader.get_message(), graph);
          break;
        case text(8):
          read_opset(reader.get_message(), graph);
          break;
        default:
          reader.skip();
      }
    }
  } catch (const protozero::exception& error) {
    fail(std::string("truncated or not an ONNX file (") + error.what() + ")");
  }
  if (!found) fail("truncated or not an ONNX file (no graph)");
  if (graph.opset < 13 || graph.opset > 26) {
    fail("opset " + std::to_string(graph.opset) + " is not supported: expected 13 to 26");
  }
  const auto given = [&graph](const OnnxInput& input) { return graph.initializers.count(input.name) != 0; };
  graph.inputs.erase(std::remove_if(graph.inputs.begin(), graph.inputs.end(), given), graph.inputs.end());
  return graph;
}

}  // namespace learn_rt
