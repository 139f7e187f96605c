#pragma once

#include <grpcpp/support/status.h>

#include "inference.pb.h"
#include "repository.h"

namespace learn_rt::serve {

// How a request names the sequence that it belongs to.
struct SequenceRef {
  std::string id;  // empty: none. "i:7" for a number, "s:7" for a text
  bool start = false;
  bool end = false;
};

// Reads the reserved parameters sequence_id, sequence_start and sequence_end. INVALID_ARGUMENT: one of another type.
grpc::Status read_sequence(const inference::ModelInferRequest& request, SequenceRef* sequence);

// The response's head: the model as served and the request's id.
void head(const inference::ModelInferRequest& request, const ModelHost& host, inference::ModelInferResponse* response);

// Answers whole windows, [batch, window, n_features] -> [batch, n_outputs], as model.onnx does: no session, no
// envelope. Any thread.
grpc::Status infer(const Repository& repository, const inference::ModelInferRequest& request,
                   inference::ModelInferResponse* response);

}  // namespace learn_rt::serve
