#pragma once

#include <memory>

#include "backend.h"

namespace learn_rt {

// model.pt through the plugin liblearn_rt_torchscript.so, which lies beside this library and is opened here.
std::unique_ptr<Engine> load_torchscript(const ModelFolder& folder);

}  // namespace learn_rt
