#pragma once

#include <cstdint>
#include <string>

namespace learn_rt::client {

// "NOT_FOUND: the message", for a number of gRPC's status codes.
std::string with_code(std::uint32_t number, const std::string& message);

}  // namespace learn_rt::client
