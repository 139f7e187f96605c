#pragma once

#include <memory>
#include <string>

#include "rollout_link.h"

namespace learn_rt::client {

// learn_rt.v1.Predictor.Rollout over gRPC: `target` is unix:PATH or HOST:PORT.
std::unique_ptr<RolloutLink> make_grpc_rollout_link(const std::string& target);

}  // namespace learn_rt::client
