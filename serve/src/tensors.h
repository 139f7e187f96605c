#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "inference.pb.h"
#include "learn_rt/spec.h"

namespace learn_rt::serve {

// The names of model.onnx's input and output, and so of the tensors.
inline constexpr const char* kInput = "x";
inline constexpr const char* kOutput = "y";
inline constexpr std::size_t kMaxBatch = 1024;  // windows in a request

// A whole window without its batch axis: [window, n_features], or [n_features] of a pointwise model.
std::vector<std::int64_t> window_shape(const Spec& spec);

// The one input of a request, checked. It points into the request.
struct InputView {
  const float* data = nullptr;
  std::size_t batch = 0;
  bool raw = false;  // came in raw_input_contents: the answer goes out raw
};

// Reads input "x", FP32, of shape [batch, *item], batch 1 to `max_batch`, and checks the requested outputs.
// INVALID_ARGUMENT says what must hold and what came.
grpc::Status read_input(const inference::ModelInferRequest& request, const std::vector<std::int64_t>& item,
                        std::size_t max_batch, InputView* view);

// Adds output "y", [batch, n_outputs]; the returned place for its values is valid until the response changes.
float* add_output(std::size_t batch, std::size_t n_outputs, bool raw, inference::ModelInferResponse* response);

}  // namespace learn_rt::serve
