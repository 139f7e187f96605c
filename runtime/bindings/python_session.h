#pragma once

#include <pybind11/pybind11.h>

#include <memory>

#include "learn_rt/model.h"

namespace learn_rt {

// Adds Session to the module, and to its Model what opens one.
void bind_session(pybind11::module_& m, pybind11::class_<Model, std::shared_ptr<Model>>& model);

}  // namespace learn_rt
