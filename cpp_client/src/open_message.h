#pragma once

#include "learn_rt/v1/predictor.pb.h"
#include "transport.h"

namespace learn_rt::client {

// What opens a stream, for every transport that reaches a server.
v1::Open open_message(const Opening& opening);

}  // namespace learn_rt::client
