#include "address.h"

#include <stdexcept>

namespace learn_rt::client {
namespace {

bool is_host_and_port(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || text.find_first_of("/ \t\n") != std::string::npos) return false;
  const auto port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos) return false;
  const int number = std::stoi(port);
  return number >= 1 && number <= 65535;
}

}  // namespace

Address Address::parse(const std::string& text) {
  const auto after = [&](const char* prefix) -> std::string {
    const std::string head(prefix);
    return text.compare(0, head.size(), head) == 0 ? text.substr(head.size()) : "";
  };
  if (auto folder = after("inproc:"); !folder.empty()) return {Scheme::kInproc, folder};
  if (auto path = after("unix:"); !path.empty()) return {Scheme::kUnix, path};
  if (auto host = after("grpc://"); is_host_and_port(host)) return {Scheme::kGrpc, host};
  if (auto host = after("grpcs://"); is_host_and_port(host)) return {Scheme::kGrpcs, host};
  if (auto name = after("shm:"); !name.empty()) return {Scheme::kShm, name};
  throw std::runtime_error(
      "an address must be inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT (port 1 to 65535) or "
      "shm:NAME, got '" +
      text + "'");
}

}  // namespace learn_rt::client
