#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <string>

#include "endpoint.h"

namespace learn_rt::client {

// "NOT_FOUND: the message", for a number of gRPC's status codes.
std::string with_code(std::uint32_t number, const std::string& message);

// Why a call to `endpoint` ended, "UNAVAILABLE: the cause", with what gRPC leaves out when TLS is in the way. May take
// a moment then: it asks the server for its certificate once more.
std::string cause_of(const grpc::Status& status, const Endpoint& endpoint);

}  // namespace learn_rt::client
