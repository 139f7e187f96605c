#include "tls_probe.h"

#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "host_lookup.h"
#include "learn_rt/certificate_date.h"
#include "quiet_thread.h"

namespace learn_rt::client {
namespace {

constexpr timeval kPatience{0, 500'000};  // for the connection, and for each answer

// A connected socket, or -1.
int connect_to(const std::string& target) try {
  const HostAddresses list = look_up(target, std::chrono::milliseconds(500));
  const int fd = ::socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, list->ai_protocol);
  if (fd < 0) return -1;
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
  if (::connect(fd, list->ai_addr, list->ai_addrlen) == 0) return fd;
  ::close(fd);
  return -1;
} catch (const std::runtime_error&) {
  return -1;  // no such host
}

thread_local std::string expiry;  // of the certificate that is out of its time

int look(int fine, X509_STORE_CTX* store) {
  const X509* certificate = ::X509_STORE_CTX_get_current_cert(store);
  const int error = ::X509_STORE_CTX_get_error(store);
  if (error == X509_V_ERR_CERT_HAS_EXPIRED) expiry = " on " + date_of(::X509_get0_notAfter(certificate));
  if (error == X509_V_ERR_CERT_NOT_YET_VALID) expiry = " before " + date_of(::X509_get0_notBefore(certificate));
  return fine;
}

std::string shake_hands(const Endpoint& endpoint) {
  const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context(::SSL_CTX_new(TLS_client_method()), ::SSL_CTX_free);
  if (!context) return {};
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, look);
  const std::string& ca = endpoint.security.tls_ca;
  ca.empty() ? ::SSL_CTX_set_default_verify_paths(context.get())
             : ::SSL_CTX_load_verify_locations(context.get(), ca.c_str(), nullptr);
  const int fd = connect_to(endpoint.target);
  if (fd < 0) return {};
  const std::unique_ptr<SSL, decltype(&::SSL_free)> tls(::SSL_new(context.get()), ::SSL_free);
  std::string cause;
  if (tls && ::SSL_set_fd(tls.get(), fd) == 1 && ::SSL_connect(tls.get()) != 1) {
    const long verdict = ::SSL_get_verify_result(tls.get());
    if (verdict != X509_V_OK) cause = ::X509_verify_cert_error_string(verdict) + expiry;
  }
  ::close(fd);
  return cause;
}

}  // namespace

std::string why_refused(const Endpoint& endpoint) {
  // In a thread of its own: OpenSSL writes to sockets that may raise SIGPIPE, and keeps its errors by thread.
  std::string cause;
  quiet_thread("learn-tls", [&] { cause = shake_hands(endpoint); }).join();
  return cause;
}

}  // namespace learn_rt::client
