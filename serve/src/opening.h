#pragma once

#include <google/protobuf/repeated_field.h>
#include <grpcpp/support/status.h>

#include <string>

#include "model_host.h"

namespace learn_rt::serve {

// What every stream's opening is held to.

// The names of a spec's inputs, for an error message; long lists are cut.
std::string names(const Spec& spec);

// FAILED_PRECONDITION when the client was built for another contract than the model's.
grpc::Status check_contract(const ModelHost& host, const std::string& contract_hash);

// INVALID_ARGUMENT unless `rest` is empty or one physical sample: a session would take a refused rest for a cold start,
// without a word.
grpc::Status check_rest(const Spec& spec, const google::protobuf::RepeatedField<float>& rest);

}  // namespace learn_rt::serve
