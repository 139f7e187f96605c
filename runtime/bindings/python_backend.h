#pragma once

#include <pybind11/pybind11.h>

namespace learn_rt {

// Sets the onnxruntime backend: `load(folder: str, spec_json: str)` returns an object with
//   infer(windows (batch, window, n_features)) -> (batch, n_outputs)
//   open() -> an object with reset(), step(sample (n_features,)) -> (n_outputs,), settle()
// The GIL is taken for each call, so its models pay for it; no other backend does.
void register_onnxruntime(pybind11::object load);

}  // namespace learn_rt
