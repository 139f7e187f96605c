#pragma once

#include <pybind11/pybind11.h>

#include "server.h"

namespace learn_rt::serve {

// Adds what an operator reads: counters, histograms, the log's events, privileges.
void bind_operations(pybind11::module_& m, pybind11::class_<Server>& server);

}  // namespace learn_rt::serve
