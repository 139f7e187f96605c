#pragma once

#include <string>

#include "address.h"
#include "learn_rt/security.h"

namespace learn_rt::client {

// A gRPC server, and how to speak to it.
struct Endpoint {
  std::string target;  // unix:PATH or HOST:PORT
  bool tls = false;
  ClientSecurity security;

  // Throws std::runtime_error: what `security` asks for is not to be had there, or would show the token to the network.
  static Endpoint of(const Address& address, const ClientSecurity& security);
};

// Throws std::runtime_error: `security` asks for something at an address without a gRPC server.
void expect_none(const ClientSecurity& security, const char* address);

}  // namespace learn_rt::client
