#pragma once

#include <grpcpp/support/status.h>

#include <string>

namespace learn_rt::serve {

inline grpc::Status invalid(const std::string& cause) { return {grpc::StatusCode::INVALID_ARGUMENT, cause}; }

// What every stream and new request is told once the server is on its way down: try another replica.
inline grpc::Status shutting_down() { return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"}; }

}  // namespace learn_rt::serve
