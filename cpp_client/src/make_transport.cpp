#include <stdexcept>

#include "address.h"
#include "endpoint.h"
#include "grpc_factory.h"
#include "inproc_rollout_link.h"
#include "inproc_transport.h"
#include "transport.h"

namespace learn_rt::client {

std::unique_ptr<Transport> make_transport(const Address& address, Wait wait, const ClientSecurity& security) {
  switch (address.scheme) {
    case Scheme::kInproc:
      expect_none(security, "inproc:");
      return std::make_unique<InprocTransport>(address.rest);
    case Scheme::kShm:
      expect_none(security, "shm:");
      return make_shm_transport(address.rest, wait);
    case Scheme::kUnix:
    case Scheme::kGrpc:
    case Scheme::kGrpcs:
      return make_grpc_transport(Endpoint::of(address, security), wait == Wait::kSpin);
  }
  return nullptr;
}

std::unique_ptr<RolloutLink> make_rollout_link(const Address& address, const ClientSecurity& security) {
  switch (address.scheme) {
    case Scheme::kInproc:
      expect_none(security, "inproc:");
      return std::make_unique<InprocRolloutLink>(address.rest);
    case Scheme::kShm:
      throw std::runtime_error("rollouts are not served over shared memory: use a Unix socket");
    case Scheme::kUnix:
    case Scheme::kGrpc:
    case Scheme::kGrpcs:
      return make_grpc_rollout_link(Endpoint::of(address, security));
  }
  return nullptr;
}

}  // namespace learn_rt::client
