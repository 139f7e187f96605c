#pragma once

#include <pybind11/pybind11.h>

#include <atomic>

#include "learn_rt/session.h"

namespace learn_rt {

// Adds BoundStep to the module.
void bind_bound_step(pybind11::module_& m);

// A callable that steps from `sample` into `out`, both arrays that lie ready, and returns the flags. `owner` is the
// Python object that holds the session and `busy`. Raises ValueError: an array that does not lie ready.
pybind11::object make_bound_step(const pybind11::object& owner, Session& session, std::atomic<bool>& busy,
                                 const pybind11::object& sample, const pybind11::object& out);

}  // namespace learn_rt
