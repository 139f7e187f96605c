#pragma once

#include <string>
#include <vector>

namespace learn_rt {

// The ONNX operators that the native engine runs, sorted.
std::vector<std::string> operator_names();

}  // namespace learn_rt
