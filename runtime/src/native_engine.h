#pragma once

#include <memory>

#include "backend.h"

namespace learn_rt {

// Our own engine: step.onnx by lanes, model.onnx on whole windows.
std::unique_ptr<Engine> load_native(const ModelFolder& folder);

}  // namespace learn_rt
