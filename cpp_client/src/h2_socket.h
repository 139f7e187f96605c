#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// A stream socket that never blocks, connected to the first of some addresses that takes it.
class H2Socket {
 public:
  // `target`: unix:PATH or HOST:PORT. A host's name is looked up here, for `patience` at most. Throws
  // std::runtime_error: there is no such host, nobody said in time, or the path is too long for a socket.
  H2Socket(const std::string& target, std::chrono::milliseconds patience);
  ~H2Socket();
  H2Socket(const H2Socket&) = delete;
  H2Socket& operator=(const H2Socket&) = delete;

  enum class Link { kConnecting, kConnected, kFailed };
  // Goes on connecting; with kFailed no address is left, and error() tells why not the last one.
  Link connect() noexcept;
  int error() const noexcept { return error_; }

  // Bytes moved; 0: none can be now; -1: the connection is broken, error() tells by what (0: the peer closed it).
  std::ptrdiff_t send(const void* bytes, std::size_t size) LEARN_RT_REALTIME;
  std::ptrdiff_t receive(void* bytes, std::size_t room) LEARN_RT_REALTIME;
  // Sleeps until there is something to receive, and with `to_send` also until something can be sent; at most until
  // then.
  void wait(bool to_send, std::int64_t until_ns) LEARN_RT_REALTIME;
  // Any thread: ends the connection, so that no wait() sleeps any more.
  void interrupt() noexcept;

 private:
  struct Address {
    sockaddr_storage storage;
    socklen_t size;
  };
  void close() noexcept;
  void start() noexcept;

  std::vector<Address> addresses_;
  std::size_t next_ = 0;
  int fd_ = -1;
  bool connected_ = false;
  int error_ = 0;
};

}  // namespace learn_rt::client
