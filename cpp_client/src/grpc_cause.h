#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "endpoint.h"

namespace learn_rt::client {

// Why a call to `endpoint` ended, "UNAVAILABLE: the cause", with what gRPC leaves out when TLS is in the way. May take
// a moment then: it asks the server for its certificate once more.
std::string cause_of(const grpc::Status& status, const Endpoint& endpoint);

}  // namespace learn_rt::client
