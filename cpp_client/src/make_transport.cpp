#include <stdexcept>

#include "address.h"
#include "grpc_rollout_link.h"
#include "grpc_transport.h"
#include "inproc_rollout_link.h"
#include "inproc_transport.h"
#include "shm_transport.h"
#include "transport.h"

namespace learn_rt::client {

std::unique_ptr<Transport> make_transport(const Address& address, Wait wait) {
  const bool spin = wait == Wait::kSpin;
  switch (address.scheme) {
    case Scheme::kInproc:
      return std::make_unique<InprocTransport>(address.rest);
    case Scheme::kUnix:
      return std::make_unique<GrpcTransport>("unix:" + address.rest, spin);
    case Scheme::kGrpc:
      return std::make_unique<GrpcTransport>(address.rest, spin);
    case Scheme::kShm:
      return std::make_unique<ShmTransport>(address.rest, wait);
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
