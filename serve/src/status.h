#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace learn_rt::serve {

constexpr std::size_t kMostQuoted = 128;  // bytes of a name that a client chose

// What a client sent, in quotes, to be told back to it: cut, at a whole character, when it is longer than any name
// here.
inline std::string in_quotes(std::string_view text) {
  std::size_t n = text.size();
  if (n > kMostQuoted) {
    for (n = kMostQuoted; n > 0 && (static_cast<unsigned char>(text[n]) & 0xC0) == 0x80;) --n;  // UTF-8 goes on there
  }
  return "'" + std::string(text.substr(0, n)) + (n < text.size() ? "…'" : "'");
}

inline grpc::Status invalid(const std::string& cause) { return {grpc::StatusCode::INVALID_ARGUMENT, cause}; }

// What every stream and new request is told once the server is on its way down: try another replica.
inline grpc::Status shutting_down() { return {grpc::StatusCode::UNAVAILABLE, "the server is shutting down"}; }

}  // namespace learn_rt::serve
