#include "status_text.h"

#include <cstddef>
#include <iterator>

namespace learn_rt::client {

std::string with_code(std::uint32_t number, const std::string& message) {
  static constexpr const char* kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto index = static_cast<std::size_t>(number);
  const std::string name = index < std::size(kNames) ? kNames[index] : "status " + std::to_string(number);
  return message.empty() ? name : name + ": " + message;
}

}  // namespace learn_rt::client
