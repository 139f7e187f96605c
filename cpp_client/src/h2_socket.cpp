#include "h2_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "host_lookup.h"
#include "learn_rt/doorbell.h"

namespace learn_rt::client {

H2Socket::H2Socket(const std::string& target, std::chrono::milliseconds patience) {
  if (target.compare(0, 5, "unix:") == 0) {
    const std::string path = target.substr(5);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof name.sun_path)
      throw std::runtime_error("UNAVAILABLE: the path of a Unix socket has at most " +
                               std::to_string(sizeof name.sun_path - 1) + " bytes");
    std::memcpy(name.sun_path, path.data(), path.size());
    Address& address = addresses_.emplace_back();
    std::memcpy(&address.storage, &name, sizeof name);
    address.size = sizeof name;
    return;
  }
  const HostAddresses list = look_up(target, patience);
  for (const addrinfo* each = list.get(); each != nullptr; each = each->ai_next) {
    Address& address = addresses_.emplace_back();
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.size = each->ai_addrlen;
  }
}

H2Socket::~H2Socket() { close(); }

void H2Socket::close() noexcept {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

// Begins with the next address. A server whose queue of connections is full says EAGAIN on a Unix socket: then the same
// address is tried again with the next call.
void H2Socket::start() noexcept {
  const Address& address = addresses_[next_];
  fd_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ >= 0) {
    const int on = 1;
    if (address.storage.ss_family != AF_UNIX) ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0) {
      connected_ = true;
      return;
    }
    if (errno == EINPROGRESS) return;
  }
  error_ = errno;
  close();
  if (error_ != EAGAIN) ++next_;
}

H2Socket::Link H2Socket::connect() noexcept {
  if (connected_) return Link::kConnected;
  if (fd_ < 0) start();
  if (fd_ >= 0 && !connected_) {
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0) return Link::kConnecting;
    socklen_t size = sizeof error_;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error_, &size);
    if (error_ == 0) {
      connected_ = true;
    } else {
      close();
      ++next_;
    }
  }
  if (connected_) return Link::kConnected;
  return next_ < addresses_.size() ? Link::kConnecting : Link::kFailed;
}

std::ptrdiff_t H2Socket::send(const void* bytes, std::size_t size) LEARN_RT_REALTIME {
  const ssize_t sent = ::send(fd_, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  error_ = errno;
  return error_ == EAGAIN || error_ == EINTR ? 0 : -1;
}

std::ptrdiff_t H2Socket::receive(void* bytes, std::size_t room) LEARN_RT_REALTIME {
  const ssize_t received = ::recv(fd_, bytes, room, MSG_DONTWAIT);
  if (received > 0) return received;
  error_ = received == 0 ? 0 : errno;
  return error_ == EAGAIN || error_ == EINTR ? 0 : -1;
}

void H2Socket::wait(bool to_send, std::int64_t until_ns) LEARN_RT_REALTIME {
  pollfd ready{fd_, static_cast<short>(to_send ? POLLIN | POLLOUT : POLLIN), 0};
  const std::int64_t left = std::max<std::int64_t>(until_ns - now_ns(), 0);
  const timespec timeout{static_cast<time_t>(left / 1'000'000'000), static_cast<long>(left % 1'000'000'000)};
  ::ppoll(&ready, 1, until_ns == kNever ? nullptr : &timeout, nullptr);
}

void H2Socket::interrupt() noexcept {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace learn_rt::client
