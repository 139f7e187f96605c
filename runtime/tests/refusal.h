#pragma once

#include <stdexcept>
#include <string>

#include "lowering.h"
#include "onnx_writer.h"

namespace learn_rt::testing {

// What lowering a graph of input x [1, 4] and output y says, "" when it is taken; `write` adds initializers and nodes.
template <class Write>
std::string refusal(Write write) {
  OnnxWriter writer;
  writer.input("x", {-1, 4});
  write(writer);
  writer.output("y");
  try {
    lower(read_onnx(writer.model()), {{"x", {1, 4}}});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

}  // namespace learn_rt::testing
