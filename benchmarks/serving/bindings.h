#pragma once

#include <pybind11/pybind11.h>

namespace learn_rt::bench {

// What `learn-bench serve` measures beside the arms of `learn-bench latency`; after Arm is bound.
void bind_serving(pybind11::module_& m);

}  // namespace learn_rt::bench
