#pragma once

#include <string>

#include "endpoint.h"

namespace learn_rt::client {

// Why a server's certificate is refused ("certificate has expired"), or empty: found out by a handshake of its own,
// because gRPC keeps it to itself. Takes at most about a second.
std::string why_refused(const Endpoint& endpoint);

}  // namespace learn_rt::client
