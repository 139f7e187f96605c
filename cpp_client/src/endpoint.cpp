#include "endpoint.h"

#include <stdexcept>

#include "learn_rt/loopback.h"

namespace learn_rt::client {
namespace {

bool has_token(const ClientSecurity& s) { return !s.token.empty() || !s.token_file.empty(); }
bool has_tls(const ClientSecurity& s) { return !s.tls_ca.empty() || !s.tls_cert.empty() || !s.tls_key.empty(); }

}  // namespace

Endpoint Endpoint::of(const Address& address, const ClientSecurity& security) {
  const bool tls = address.scheme == Scheme::kGrpcs;
  if (!tls && has_tls(security)) throw std::runtime_error("tls_ca, tls_cert and tls_key are for grpcs://HOST:PORT");
  if (security.tls_cert.empty() != security.tls_key.empty()) {
    throw std::runtime_error("tls_cert and tls_key go together");
  }
  if (!security.token.empty() && !security.token_file.empty()) {
    throw std::runtime_error("token and token_file exclude each other");
  }
  const std::string host = address.rest.substr(0, address.rest.rfind(':'));
  if (address.scheme == Scheme::kGrpc && has_token(security) && !is_loopback(host)) {
    throw std::runtime_error("grpc:// would show the token to the network: use grpcs://" + address.rest);
  }
  return {(address.scheme == Scheme::kUnix ? "unix:" : "") + address.rest, tls, security};
}

void expect_none(const ClientSecurity& security, const char* address) {
  if (has_tls(security) || has_token(security)) {
    throw std::runtime_error(std::string("tls_ca, tls_cert, tls_key and token are for a server, not for ") + address);
  }
}

}  // namespace learn_rt::client
