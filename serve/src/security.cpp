#include "security.h"

#include <algorithm>
#include <stdexcept>

#include "learn_rt/loopback.h"
#include "pem.h"
#include "tokens.h"

namespace learn_rt::serve {

Security::Security(const SecurityOptions& options, const std::vector<ListenAddress>& addresses) : options_(options) {
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    throw std::runtime_error("--tls-cert and --tls-key go together");
  }
  if (!options.tls_client_ca.empty() && options.tls_cert.empty()) {
    throw std::runtime_error("--tls-client-ca needs --tls-cert and --tls-key");
  }
  const auto listens = [&](auto is) { return std::any_of(addresses.begin(), addresses.end(), is); };
  if (!options.tls_cert.empty() && !listens([](const ListenAddress& a) { return a.tls; })) {
    throw std::runtime_error("--tls-cert is for a grpcs:// address, and there is none");
  }
  if (!options.tokens.empty() && !listens([](const ListenAddress& a) { return !a.host.empty(); })) {
    throw std::runtime_error(
        "--tokens guards TCP addresses, and there is none: Unix sockets and shared memory are their owner's alone");
  }
  if (!options.tls_cert.empty()) {
    check_pair(options.tls_cert, options.tls_key);
    cert_ = read_text(options.tls_cert);
    key_ = read_text(options.tls_key);
  }
  if (!options.tls_client_ca.empty()) {
    check_authorities(options.tls_client_ca);
    client_ca_ = read_text(options.tls_client_ca);
  }
  if (!options.tokens.empty()) tokens_ = std::make_shared<TokenCheck>(Tokens::load(options.tokens));
}

std::shared_ptr<grpc::ServerCredentials> Security::credentials(const ListenAddress& address) const {
  if (address.is_unix()) return grpc::InsecureServerCredentials();
  std::shared_ptr<grpc::ServerCredentials> guard;
  if (address.tls) {
    if (cert_.empty()) throw std::runtime_error(address.text + " needs --tls-cert and --tls-key");
    grpc::SslServerCredentialsOptions tls(client_ca_.empty()
                                              ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                              : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = client_ca_;
    tls.pem_key_cert_pairs.push_back({key_, cert_});
    guard = grpc::SslServerCredentials(tls);
  } else if (is_loopback(address.host)) {
    // Without TLS only local credentials can check tokens; on the wire they are nothing.
    guard = tokens_ ? grpc::experimental::LocalServerCredentials(LOCAL_TCP) : grpc::InsecureServerCredentials();
  } else {
    if (tokens_) {
      throw std::runtime_error(address.text + " would show the tokens to the network: listen on grpcs://" +
                               address.text.substr(7) + " with --tls-cert and --tls-key");
    }
    if (!options_.insecure) {
      throw std::runtime_error(address.text + " is open to the network: listen on grpcs://" + address.text.substr(7) +
                               " with --tls-cert and --tls-key, or say --insecure");
    }
    guard = grpc::InsecureServerCredentials();
  }
  if (tokens_) guard->SetAuthMetadataProcessor(tokens_);
  return guard;
}

}  // namespace learn_rt::serve
