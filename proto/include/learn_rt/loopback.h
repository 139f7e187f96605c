#pragma once

#include <arpa/inet.h>

#include <string>

namespace learn_rt {

// Whether a host, as in HOST:PORT, is this machine for certain: localhost, 127.0.0.0/8 or [::1]. No name is resolved: a
// resolver may say one thing now and another when the address is used.
inline bool is_loopback(const std::string& host) {
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  return host == "localhost" || host == "[::1]";
}

}  // namespace learn_rt
