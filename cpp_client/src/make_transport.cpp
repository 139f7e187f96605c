#include <algorithm>
#include <stdexcept>
#include <utility>

#include "address.h"
#include "endpoint.h"
#include "failover_rollout_link.h"
#include "failover_transport.h"
#include "inproc_rollout_link.h"
#include "inproc_transport.h"
#include "server_transports.h"
#include "transport.h"

namespace learn_rt::client {
namespace {

bool has_server(const Address& address) { return address.scheme != Scheme::kInproc && address.scheme != Scheme::kShm; }

// What of `security` an address among others has a use for.
ClientSecurity share_of(const Address& address, const std::vector<Address>& all, ClientSecurity security) {
  const bool servers = std::any_of(all.begin(), all.end(), has_server);
  if (servers && !has_server(address)) return {};
  const bool tls = std::any_of(all.begin(), all.end(), [](const Address& a) { return a.scheme == Scheme::kGrpcs; });
  if (tls && address.scheme != Scheme::kGrpcs) security.tls_ca = security.tls_cert = security.tls_key = "";
  return security;
}

// A way to each address, made by `make` with its share of security.
template <class Failover, class Make>
std::unique_ptr<Failover> failover(const std::vector<std::string>& addresses, const ClientSecurity& security,
                                   const Make& make) {
  std::vector<Address> parsed;
  for (const auto& address : addresses) parsed.push_back(Address::parse(address));
  std::vector<typename Failover::Way> ways;
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    try {
      ways.push_back({addresses[i], make(parsed[i], share_of(parsed[i], parsed, security))});
    } catch (const std::runtime_error& error) {
      if (parsed.size() == 1) throw;
      throw std::runtime_error(addresses[i] + ": " + error.what());
    }
  }
  return std::make_unique<Failover>(std::move(ways));
}

}  // namespace

std::unique_ptr<Transport> make_transports(const std::vector<std::string>& addresses, Wait wait,
                                           const ClientSecurity& security) {
  return failover<FailoverTransport>(addresses, security, [wait](const Address& address, const ClientSecurity& share) {
    return make_transport(address, wait, share);
  });
}

std::unique_ptr<RolloutLink> make_rollout_links(const std::vector<std::string>& addresses,
                                                const ClientSecurity& security) {
  return failover<FailoverRolloutLink>(addresses, security, make_rollout_link);
}

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
      return make_h2_transport(Endpoint::of(address, security), wait == Wait::kSpin);
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
