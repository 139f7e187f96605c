// In place of gRPC where the client is built without it (LEARN_RT_GRPC=OFF), for small machines.

#include <stdexcept>

#include "grpc_factory.h"

namespace learn_rt::client {
namespace {

[[noreturn]] void refuse(const std::string& target) {
  throw std::runtime_error("this client was built without gRPC and reaches no server (" + target +
                           "): use inproc:REPOSITORY, or build it with LEARN_RT_GRPC=ON");
}

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(const Endpoint& endpoint, bool /*spin*/) { refuse(endpoint.target); }
std::unique_ptr<Transport> make_shm_transport(const std::string& name, Wait /*wait*/) { refuse("shm:" + name); }
std::unique_ptr<RolloutLink> make_grpc_rollout_link(const Endpoint& endpoint) { refuse(endpoint.target); }

}  // namespace learn_rt::client
