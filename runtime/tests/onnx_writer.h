#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <vector>

namespace learn_rt::testing {

// Writes small ONNX graphs, so that the C++ tests need no Python.
class OnnxWriter {
 public:
  void input(const std::string& name, const std::vector<std::int64_t>& shape) { value_info(11, name, shape); }
  void output(const std::string& name) { value_info(12, name, {}); }

  void floats(const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<float>& values) {
    std::string raw(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
    tensor(name, shape, 1, raw);
  }

  void integers(const std::string& name, const std::vector<std::int64_t>& values) {
    std::string raw(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(std::int64_t));
    tensor(name, {static_cast<std::int64_t>(values.size())}, 7, raw);
  }

  enum Kind { kNumbers, kText = 3, kGraph = 5 };  // as the standard numbers them, but for the first
  struct Attribute {
    std::string name;
    std::int64_t value;
    std::vector<std::int64_t> list{};  // instead of the value, when not empty
    Kind kind = kNumbers;
    std::string text{};  // of kText
  };

  void node(const std::string& op, const std::vector<std::string>& inputs, const std::vector<std::string>& outputs,
            const std::vector<Attribute>& attributes = {}) {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    for (const auto& name : inputs) writer.add_string(1, name);
    for (const auto& name : outputs) writer.add_string(2, name);
    writer.add_string(3, "node_" + op);
    writer.add_string(4, op);
    for (const Attribute& attribute : attributes) {
      protozero::pbf_writer field(writer, 5);
      field.add_string(1, attribute.name);
      if (attribute.kind != kNumbers) {
        field.add_bytes(attribute.kind == kText ? 4 : 6, attribute.text);
        field.add_int32(20, attribute.kind);
      } else if (attribute.list.empty()) {
        field.add_int64(3, attribute.value);
        field.add_int32(20, 2);
      } else {
        for (const std::int64_t value : attribute.list) field.add_int64(8, value);
        field.add_int32(20, 7);
      }
    }
    graph_.add_message(1, bytes);
  }

  std::string model(std::int64_t opset = 20) const {
    std::string bytes;
    protozero::pbf_writer writer(bytes);
    writer.add_int64(1, 10);
    writer.add_message(7, graph_bytes_);
    protozero::pbf_writer(writer, 8).add_int64(2, opset);
    return bytes;
  }

 private:
  void tensor(const std::string& name, const std::vector<std::int64_t>& shape, int type, const std::string& raw) {
    protozero::pbf_writer writer(graph_, 5);
    writer.add_packed_int64(1, shape.begin(), shape.end());
    writer.add_int32(2, type);
    writer.add_string(8, name);
    writer.add_bytes(9, raw);
  }

  void value_info(int tag, const std::string& name, const std::vector<std::int64_t>& shape) {
    protozero::pbf_writer info(graph_, static_cast<protozero::pbf_tag_type>(tag));
    info.add_string(1, name);
    protozero::pbf_writer type(info, 2);
    protozero::pbf_writer tensor_type(type, 1);
    tensor_type.add_int32(1, 1);
    if (shape.empty()) return;
    protozero::pbf_writer dimensions(tensor_type, 2);
    for (const std::int64_t n : shape) {
      protozero::pbf_writer dimension(dimensions, 1);
      if (n < 0) {
        dimension.add_string(2, "batch");
      } else {
        dimension.add_int64(1, n);
      }
    }
  }

  std::string graph_bytes_;
  protozero::pbf_writer graph_{graph_bytes_};
};

}  // namespace learn_rt::testing
