#include "tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "pem.h"

namespace learn_rt::serve {
namespace {

constexpr const char* kForm = " is not `sha256:SALT:HASH`, as `learn-serve --hash-token` writes it";
const std::string kBearer = "Bearer ";
const std::string kHealth = "/grpc.health.v1.Health/";

template <std::size_t kBytes>
bool read_hex(const std::string& text, std::array<std::uint8_t, kBytes>* bytes) {
  if (text.size() != 2 * kBytes || text.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  for (std::size_t i = 0; i < kBytes; ++i) {
    (*bytes)[i] = static_cast<std::uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  }
  return true;
}

grpc::Status refused(const std::string& cause) { return {grpc::StatusCode::UNAUTHENTICATED, cause}; }

}  // namespace

Tokens Tokens::load(const std::string& path) {
  Tokens tokens;
  std::istringstream lines(read_text(path));
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    line.erase(std::min(line.find('#'), line.size()));
    line.erase(line.find_last_not_of(" \t\r") + 1);
    if (line.empty()) continue;
    // The line itself is not told: somebody may have put the token there.
    const std::string where = path + ", line " + std::to_string(number);
    Entry entry{};
    if (line.rfind("sha256:", 0) != 0 || line.size() != 7 + 32 + 1 + 64 || line[7 + 32] != ':' ||
        !read_hex(line.substr(7, 32), &entry.salt) || !read_hex(line.substr(7 + 33), &entry.hash)) {
      throw std::runtime_error(where + kForm);
    }
    tokens.entries_.push_back(entry);
  }
  if (tokens.entries_.empty()) throw std::runtime_error(path + " holds no token: nobody could come in");
  return tokens;
}

bool Tokens::contains(const std::string& token) const {
  int fits = 0;
  for (const Entry& entry : entries_) {
    std::string salted(entry.salt.begin(), entry.salt.end());
    salted += token;
    std::array<std::uint8_t, 32> hash{};
    unsigned int size = hash.size();
    const bool done = ::EVP_Digest(salted.data(), salted.size(), hash.data(), &size, ::EVP_sha256(), nullptr) == 1;
    fits |= static_cast<int>(done && size == hash.size()) &
            static_cast<int>(::CRYPTO_memcmp(hash.data(), entry.hash.data(), hash.size()) == 0);
  }
  return fits != 0;
}

grpc::Status TokenCheck::Process(const InputMetadata& sent, grpc::AuthContext* /*context*/, OutputMetadata* consumed,
                                 OutputMetadata* /*answered*/) {
  const auto path = sent.find(":path");
  if (path != sent.end() && path->second.starts_with(kHealth)) return grpc::Status::OK;
  const auto [first, last] = sent.equal_range("authorization");
  if (first == last) return refused("no token: send `authorization: Bearer TOKEN`");
  if (std::next(first) != last) return refused("more than one authorization");
  const std::string value(first->second.data(), first->second.size());
  if (value.rfind(kBearer, 0) != 0) return refused("the authorization is no bearer token: `Bearer TOKEN`");
  if (!tokens_.contains(value.substr(kBearer.size()))) return refused("the token is not one that this server knows");
  consumed->insert({"authorization", value});
  return grpc::Status::OK;
}

}  // namespace learn_rt::serve
