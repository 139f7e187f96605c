#include "token.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace learn_rt::client {

std::string read_file(const std::string& path, const char* option) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    throw std::runtime_error(std::string(option) + " " + path + ": " + std::strerror(errno ? errno : EIO));
  return text;
}

std::string authorization_of(const ClientSecurity& security) {
  std::string token = security.token;
  if (!security.token_file.empty()) {
    token = read_file(security.token_file, "token_file");
    token.erase(std::min(token.find_first_of("\r\n"), token.size()));
    if (token.empty()) throw std::runtime_error("token_file " + security.token_file + ": its first line is empty");
  }
  for (const char c : token) {
    if (c < '!' || c > '~') throw std::runtime_error("a token must be printable ASCII without spaces");
  }
  return token.empty() ? "" : "Bearer " + token;
}

}  // namespace learn_rt::client
