#pragma once

#include <pybind11/pybind11.h>

#include "histogram.h"

namespace learn_rt::bench {

// What both modules of the benchmarks show to Python. Each has classes of its own.

// {"buckets": int64[k], "counts": int64[k], "max": ns}: only the buckets that were hit.
pybind11::dict to_python(const Histogram& histogram);

// Binds Arm, SessionArm, RolloutSizes, RolloutArm, OrtArm and OrtRolloutArm.
void bind_arms(pybind11::module_& m);

}  // namespace learn_rt::bench
