// In place of gRPC where the client is built without it (LEARN_RT_GRPC=OFF), for small machines.

#include <stdexcept>

#include "server_transports.h"

namespace learn_rt::client {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::runtime_error("this client was built without gRPC, which " + what +
                           " need: use inproc:, shm:, unix: or grpc:// for samples, or build it with LEARN_RT_GRPC=ON");
}

}  // namespace

std::unique_ptr<Transport> make_grpc_transport(const Endpoint& /*endpoint*/, bool /*spin*/) { refuse("grpcs://"); }
std::unique_ptr<RolloutLink> make_grpc_rollout_link(const Endpoint& /*endpoint*/) { refuse("a server's rollouts"); }

}  // namespace learn_rt::client
