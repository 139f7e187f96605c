#include <stdexcept>

#include "address.h"
#include "grpc_factory.h"
#include "inproc_rollout_link.h"
#include "inproc_transport.h"
#include "transport.h"

namespace learn_rt::client {

std::unique_ptr<Transport> make_transport(const Address& address, Wait wait) {
  const bool spin = wait == Wait::kSpin;
  switch (address.scheme) {
    case Scheme::kInproc:
      return std::make_unique<InprocTransport>(address.rest);
    case Scheme::kUnix:
      return make_grpc_transport("unix:" + address.rest, spin);
    case Scheme::kGrpc:
      return make_grpc_transport(address.rest, spin);
    case Scheme::kShm:
      return make_shm_transport(address.rest, wait);
  }
  return nullptr;
}

std::unique_ptr<RolloutLink> make_rollout_link(const Address& address) {
  switch (address.scheme) {
    case Scheme::kInproc:
      return std::make_unique<InprocRolloutLink>(address.rest);
    case Scheme::kUnix:
      return make_grpc_rollout_link("unix:" + address.rest);
    case Scheme::kGrpc:
      return make_grpc_rollout_link(address.rest);
    case Scheme::kShm:
      throw std::runtime_error("rollouts are not served over shared memory: use a Unix socket");
  }
  return nullptr;
}

}  // namespace learn_rt::client
