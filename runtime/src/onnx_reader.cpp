#include "onnx_reader.h"

#include <algorithm>

#include "onnx_wire.h"

namespace learn_rt {
namespace {

using namespace onnx_wire;

constexpr std::size_t kMaxNodes = 100'000;

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
      case number(20):
        attribute.kind = reader.get_int32();
        break;
      case text(21):
        fail("attribute " + name.substr(0, 64) + " refers to a function's, outside a function");
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
          if (tensor.tag_and_type() == number(1)) {
            input.type = tensor.get_int32();
          } else if (tensor.tag_and_type() == text(2)) {
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
