#pragma once

#include <grpcpp/security/auth_metadata_processor.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace learn_rt::serve {

// The tokens that are let in, as salted SHA-256: a token is long and random (`learn-serve --hash-token` refuses short
// ones), so nothing is gained by a slow hash, which every call would pay.
class Tokens {
 public:
  // Reads a file of lines `sha256:SALT:HASH` in hexadecimal, 16 and 32 bytes; what follows a '#' is a remark. Throws
  // std::runtime_error: a file that cannot be read, a line that is not one, or no token at all.
  static Tokens load(const std::string& path);

  // Compares with every token, in the same time whether one fits or not. Any thread.
  bool contains(const std::string& token) const;

 private:
  struct Entry {
    std::array<std::uint8_t, 16> salt;
    std::array<std::uint8_t, 32> hash;
  };
  std::vector<Entry> entries_;
};

// Lets in a call that has `authorization: Bearer TOKEN` with one of the tokens, once a call or stream; health is open
// to all.
class TokenCheck final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenCheck(Tokens tokens) : tokens_(std::move(tokens)) {}
  bool IsBlocking() const override { return false; }  // one short hash a token
  grpc::Status Process(const InputMetadata& sent, grpc::AuthContext* context, OutputMetadata* consumed,
                       OutputMetadata* answered) override;

 private:
  const Tokens tokens_;
};

}  // namespace learn_rt::serve
