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
inline constexpr const char* kActions = "actions";  // a rollout's second input
inline constexpr const char* kOutput = "y";
inline constexpr std::size_t kMaxBatch = 1024;                    // windows in a request
inline constexpr std::size_t kMaxAnswers = std::size_t{1} << 22;  // values in a response

using Shape = std::vector<std::int64_t>;

// A tensor without its batch axis.
struct TensorShape {
  std::string name;
  Shape item;
};

// The inputs of the whole function, as model.onnx takes them: whole windows, [window, n_features], or [n_features] of a
// pointwise model; a rollout's actions, [horizon, n_actions].
std::vector<TensorShape> whole_inputs(const Spec& spec);
// One answer of it: [n_outputs], or [horizon, n_outputs] of a rollout.
Shape whole_answer(const Spec& spec);

// The inputs of a request, checked, in the order asked for. They point into the request.
struct InputView {
  std::vector<const float*> data;
  std::size_t batch = 0;
  bool raw = false;  // came in raw_input_contents: the answer goes out raw
};

// Reads inputs, FP32, of shape [batch, *item], with one batch of 1 to `max_batch`, and checks the requested outputs.
// INVALID_ARGUMENT says what must hold and what came.
grpc::Status read_inputs(const inference::ModelInferRequest& request, const std::vector<TensorShape>& shapes,
                         std::size_t max_batch, InputView* view);

// Adds output "y", [batch, *item]; the returned place for its values is valid until the response changes.
float* add_output(std::size_t batch, const Shape& item, bool raw, inference::ModelInferResponse* response);

}  // namespace learn_rt::serve
