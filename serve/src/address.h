#pragma once

#include <string>

namespace learn_rt::serve {

// Where to listen: unix:PATH, grpc://HOST:PORT (port 0: any free one), grpcs://HOST:PORT with TLS, or shm:NAME.
struct ListenAddress {
  std::string text;  // as given
  std::string host;  // of TCP; an IPv6 address keeps its brackets
  int port = 0;
  bool tls = false;
  std::string path;  // of a Unix socket
  std::string name;  // of a shared-memory segment

  bool is_shm() const noexcept { return !name.empty(); }
  bool is_unix() const noexcept { return !path.empty(); }
  // In gRPC's own grammar.
  std::string grpc_target() const;
  // As given, with the port that was taken.
  std::string bound(int taken_port) const;

  // Throws std::invalid_argument: what an address looks like, and what came.
  static ListenAddress parse(const std::string& text);
};

// Makes way for a Unix socket: a stale one is removed. Throws std::runtime_error when the path is something else, or
// when somebody answers there.
void clear_stale_socket(const ListenAddress& address);

// Why this process cannot listen there, asked of the operating system; empty when it could.
std::string why_not(const ListenAddress& address);

}  // namespace learn_rt::serve
