#include "host_lookup.h"

#include <sys/socket.h>

#include <future>
#include <stdexcept>
#include <utility>

#include "quiet_thread.h"

namespace learn_rt::client {
namespace {

struct Found {
  int error = 0;
  HostAddresses list{nullptr, ::freeaddrinfo};
};

Found ask(const std::string& host, const std::string& port, int flags) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  Found found;
  found.error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (found.error == 0) found.list.reset(list);
  return found;
}

}  // namespace

HostAddresses look_up(const std::string& target, std::chrono::milliseconds patience) {
  const auto colon = target.rfind(':');
  const std::string port = target.substr(colon + 1);
  std::string host = target.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  Found found = ask(host, port, AI_NUMERICHOST);
  if (found.error == EAI_NONAME) {
    // getaddrinfo() cannot be told to give up: it may outlive the call, in a thread that has all that it needs.
    std::promise<Found> promise;
    std::future<Found> answer = promise.get_future();
    quiet_thread("learn-lookup", [host, port, promise = std::move(promise)]() mutable {
      promise.set_value(ask(host, port, 0));
    }).detach();
    if (answer.wait_for(patience) != std::future_status::ready) {
      throw std::runtime_error("UNAVAILABLE: " + host + ": its name was not looked up within " +
                               std::to_string(patience.count()) +
                               " ms: is the name server reachable (/etc/resolv.conf)? An address in numbers, or a line "
                               "in /etc/hosts, needs none");
    }
    found = answer.get();
  }
  if (found.error != 0) throw std::runtime_error("UNAVAILABLE: " + host + ": " + ::gai_strerror(found.error));
  return std::move(found.list);
}

}  // namespace learn_rt::client
