#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>

#include "learn_rt/model.h"

namespace learn_rt {

pybind11::array_t<float> infer_rollout(const Model& model, const pybind11::object& windows,
                                       const pybind11::object& actions);

// Adds RolloutSession to the module, and to its Model what opens one.
void bind_rollout(pybind11::module_& m, pybind11::class_<Model, std::shared_ptr<Model>>& model);

}  // namespace learn_rt
