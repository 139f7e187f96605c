#include "grpc_cause.h"

#include "tls_probe.h"

namespace learn_rt::client {
namespace {

std::string plain(const grpc::Status& status) {
  static constexpr const char* kNames[] = {
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  const auto code = static_cast<std::size_t>(status.error_code());
  const std::string name = code < std::size(kNames) ? kNames[code] : "status " + std::to_string(code);
  return status.error_message().empty() ? name : name + ": " + status.error_message();
}

}  // namespace

std::string cause_of(const grpc::Status& status, const Endpoint& endpoint) {
  const std::string cause = plain(status), &said = status.error_message();
  const auto has = [&](const char* part) { return said.find(part) != std::string::npos; };
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return cause;
  if (endpoint.tls && has("certificate verify failed")) {
    const std::string why = why_refused(endpoint);
    return why.empty() ? cause : cause + " (" + why + ")";
  }
  if (endpoint.tls && has("empty address list")) {
    return "UNAVAILABLE: tls_ca, tls_cert and tls_key must be PEM, and tls_key the private key of tls_cert";
  }
  if (!has("failed to connect to all addresses") || !(has("Socket closed") || has("Connection reset"))) return cause;
  return cause + (endpoint.tls ? " (it may ask for a certificate of its CA: tls_cert and tls_key)"
                               : " (it may speak TLS: grpcs://)");
}

}  // namespace learn_rt::client
