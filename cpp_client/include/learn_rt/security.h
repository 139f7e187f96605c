#pragma once

#include <string>

namespace learn_rt {

// What a client shows to a server, and what it asks of it (docs/security.md). Files are read whenever a stream is
// opened, so a renewed certificate or token is taken up by the next one.
struct ClientSecurity {
  std::string tls_ca;             // of grpcs://, PEM: whom to trust; empty: the system's authorities
  std::string tls_cert, tls_key;  // of grpcs://, PEM: the client's own, where the server asks for one
  std::string token_file;         // its first line is the token
  std::string token;              // or the token itself
};

}  // namespace learn_rt
