#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tensor.h"

namespace learn_rt {

struct OnnxAttribute {
  // As the standard numbers them. Of a graph, sparse tensor or type nothing else is kept.
  enum Kind { kNone, kFloat, kInt, kText, kTensor, kGraph, kFloats, kInts, kTexts };
  std::int64_t kind = kNone;
  float f = 0;
  std::int64_t i = 0;
  std::string s;
  Tensor tensor;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;
  std::vector<std::string> strings;
};

struct OnnxNode {
  std::string op, domain, name;
  std::vector<std::string> inputs, outputs;  // "": left out
  std::map<std::string, OnnxAttribute> attributes;
};

struct OnnxInput {
  std::string name;
  std::int64_t type = 0;  // of its elements, as the standard numbers them; 0: not said
  Shape shape;            // -1: not fixed in the file
};

struct OnnxGraph {
  std::int64_t opset = 0;
  std::vector<OnnxNode> nodes;
  std::map<std::string, Tensor> initializers;
  std::vector<OnnxInput> inputs;  // without those that have an initializer
  std::vector<std::string> outputs;
};

// Reads an ONNX file's bytes. Throws std::runtime_error: truncated, not ONNX, an opset or a kind of tensor that the
// runtime does not know, data outside the file.
OnnxGraph read_onnx(std::string_view bytes);

}  // namespace learn_rt
