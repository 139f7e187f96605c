#pragma once

#include <google/protobuf/repeated_field.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>

#include "learn_rt/v1/predictor.pb.h"
#include "model_host.h"
#include "repository.h"

namespace learn_rt::serve {

// What every stream's opening is held to.

// The names of a spec's inputs, for an error message; long lists are cut.
std::string names(const Spec& spec);

// FAILED_PRECONDITION when the client was built for another contract than the model's.
grpc::Status check_contract(const ModelHost& host, const std::string& contract_hash);

// INVALID_ARGUMENT unless `rest` is empty or one physical sample: a session would take a refused rest for a cold start,
// without a word.
grpc::Status check_rest(const Spec& spec, const google::protobuf::RepeatedField<float>& rest);

// The spec of a served model, as Describe gives it. NOT_FOUND.
grpc::Status describe(const Repository& repository, const v1::DescribeRequest& request, v1::DescribeResponse* response);

// Tells which version answers.
void tell(const ModelHost& host, v1::Opened* opened);

// Opens the session that a stream of samples asks for. Status codes as PredictStream::answer has them.
grpc::Status open_session(const Repository& repository, const v1::Open& open, v1::Opened* opened,
                          std::unique_ptr<HostedSession>* session);

}  // namespace learn_rt::serve
