#pragma once

#include <grpcpp/support/status.h>

#include "inference.pb.h"
#include "repository.h"

namespace learn_rt::serve {

// The response's head: the model as served and the request's id.
void head(const inference::ModelInferRequest& request, const ModelHost& host, inference::ModelInferResponse* response);

// Answers whole windows, [batch, window, n_features] -> [batch, n_outputs], as model.onnx does: no session, no
// envelope. Any thread.
grpc::Status infer(const Repository& repository, const inference::ModelInferRequest& request,
                   inference::ModelInferResponse* response);

}  // namespace learn_rt::serve
