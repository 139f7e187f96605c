#include "address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "learn_rt/shm/segment.h"

namespace learn_rt::serve {
namespace {

class Socket {
 public:
  explicit Socket(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

sockaddr_un unix_name(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);  // parse() checked the length
  return name;
}

[[noreturn]] void refuse(const std::string& text) {
  throw std::invalid_argument("a listen address is unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT or shm:NAME, got '" +
                              text + "'");
}

}  // namespace

std::string ListenAddress::grpc_target() const {
  return is_unix() ? "unix:" + path : host + ":" + std::to_string(port);
}

std::string ListenAddress::bound(int taken_port) const {
  return host.empty() ? text : (tls ? "grpcs://" : "grpc://") + host + ":" + std::to_string(taken_port);
}

ListenAddress ListenAddress::parse(const std::string& text) {
  ListenAddress address;
  address.text = text;
  if (text.rfind("unix:", 0) == 0) {
    address.path = text.substr(5);
    if (address.path.empty()) refuse(text);
    if (address.path.size() >= sizeof(sockaddr_un::sun_path)) {
      throw std::invalid_argument("a Unix socket's path has at most " +
                                  std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes, got '" + text + "'");
    }
    return address;
  }
  if (text.rfind("shm:", 0) == 0) {
    address.name = text.substr(4);
    if (shm::file_name(address.name).empty())
      throw std::invalid_argument("shm:NAME takes 1 to 64 of A-Z a-z 0-9 . _ -, no dot first, got '" + text + "'");
    return address;
  }
  address.tls = text.rfind("grpcs://", 0) == 0;
  if (!address.tls && text.rfind("grpc://", 0) != 0) refuse(text);
  const std::string place = text.substr(address.tls ? 8 : 7);
  const std::size_t colon = place.rfind(':');
  if (colon == std::string::npos || colon == 0) refuse(text);
  address.host = place.substr(0, colon);
  const std::string port = place.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) refuse(text);
  address.port = std::stoi(port);
  if (address.port > 65535 || address.host.find_first_of("/@ ") != std::string::npos) refuse(text);
  return address;
}

void clear_stale_socket(const ListenAddress& address) {
  struct stat found {};
  if (::lstat(address.path.c_str(), &found) != 0) return;
  if (!S_ISSOCK(found.st_mode)) throw std::runtime_error(address.text + ": there is a file that is not a socket");
  const Socket probe(AF_UNIX);
  const sockaddr_un name = unix_name(address.path);
  // Only a refused connection is a dead owner; a full backlog or a missing permission is a live one.
  if (::connect(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 || errno != ECONNREFUSED) {
    throw std::runtime_error(address.text + ": another process listens there");
  }
  ::unlink(address.path.c_str());
}

std::string why_not(const ListenAddress& address) {
  if (address.is_unix()) {
    const Socket probe(AF_UNIX);
    const sockaddr_un name = unix_name(address.path);
    if (::bind(probe.fd(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return std::strerror(errno);
    ::unlink(address.path.c_str());
    return "";
  }
  std::string host = address.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), std::to_string(address.port).c_str(), &hints, &list);
  if (failed != 0) return ::gai_strerror(failed);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const Socket probe(entry->ai_family);
    const int on = 1;
    ::setsockopt(probe.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(probe.fd(), entry->ai_addr, entry->ai_addrlen) != 0 || ::listen(probe.fd(), 1) != 0) {
      return std::strerror(errno);
    }
  }
  return "";
}

}  // namespace learn_rt::serve
