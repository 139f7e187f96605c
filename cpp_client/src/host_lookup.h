#pragma once

#include <netdb.h>

#include <chrono>
#include <memory>
#include <string>

namespace learn_rt::client {

using HostAddresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

// The stream addresses of HOST:PORT. A host in numbers needs no look-up, and is not waited for; a name's is given up
// after `patience`. Throws std::runtime_error: there is no such host, or nobody said in time.
HostAddresses look_up(const std::string& target, std::chrono::milliseconds patience);

}  // namespace learn_rt::client
