#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "address.h"

namespace learn_rt::serve {

// Files of PEM and of token hashes; empty: none.
struct SecurityOptions {
  std::string tls_cert, tls_key;  // the server's certificate (with what leads to its CA) and its private key
  std::string tls_client_ca;      // a client must show a certificate of this CA
  std::string tokens;             // a client must show one of these tokens on TCP, see Tokens
  bool insecure = false;          // listen without TLS beyond loopback too
};

// Who may listen how. What it reads is read once, here.
class Security {
 public:
  // Throws std::runtime_error: a file that cannot be read, is no PEM, is expired or does not belong to the other; one
  // that guards none of the addresses.
  Security(const SecurityOptions& options, const std::vector<ListenAddress>& addresses);

  // What guards a port. Unix sockets are guarded by their mode alone. Throws std::runtime_error where an address asks
  // for less than it needs.
  std::shared_ptr<grpc::ServerCredentials> credentials(const ListenAddress& address) const;

 private:
  SecurityOptions options_;
  std::string cert_, key_, client_ca_;
  std::shared_ptr<grpc::AuthMetadataProcessor> tokens_;  // null: none asked for
};

}  // namespace learn_rt::serve
