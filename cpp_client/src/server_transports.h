#pragma once

#include <memory>
#include <string>

#include "endpoint.h"
#include "learn_rt/client.h"
#include "rollout_link.h"
#include "transport.h"

namespace learn_rt::client {

// What reaches a server. unix:PATH and grpc://HOST:PORT:
std::unique_ptr<Transport> make_h2_transport(const Endpoint& endpoint, bool spin);
// shm:NAME:
std::unique_ptr<Transport> make_shm_transport(const std::string& name, Wait wait);
// grpcs://HOST:PORT. A client built without gRPC has this and the next one too, and they throw std::runtime_error.
std::unique_ptr<Transport> make_grpc_transport(const Endpoint& endpoint, bool spin);
std::unique_ptr<RolloutLink> make_grpc_rollout_link(const Endpoint& endpoint);

}  // namespace learn_rt::client
