#include "grpc_cause.h"

#include "status_text.h"
#include "tls_probe.h"

namespace learn_rt::client {
std::string cause_of(const grpc::Status& status, const Endpoint& endpoint) {
  const std::string cause = with_code(static_cast<std::uint32_t>(status.error_code()), status.error_message());
  const std::string& said = status.error_message();
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
