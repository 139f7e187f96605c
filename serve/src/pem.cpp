#include "pem.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "learn_rt/certificate_date.h"

namespace learn_rt::serve {
namespace {

using Context = std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)>;

Context new_context() {
  Context context(::SSL_CTX_new(TLS_server_method()), ::SSL_CTX_free);
  if (!context) throw std::runtime_error("OpenSSL has no TLS");
  // A key with a passphrase is an error, and no question on the terminal.
  ::SSL_CTX_set_default_passwd_cb(context.get(), [](char*, int, int, void*) { return 0; });
  return context;
}

[[noreturn]] void refuse(const std::string& path, const std::string& what) {
  const char* reason = ::ERR_reason_error_string(::ERR_peek_last_error());
  ::ERR_clear_error();
  throw std::runtime_error(path + " " + what + (reason ? std::string(": ") + reason : ""));
}

}  // namespace

std::string read_text(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) throw std::runtime_error(path + ": " + std::strerror(errno ? errno : EIO));
  return text;
}

void check_pair(const std::string& cert, const std::string& key) {
  read_text(cert);
  read_text(key);
  const Context context = new_context();
  if (::SSL_CTX_use_certificate_chain_file(context.get(), cert.c_str()) != 1) {
    refuse(cert, "is no certificate in PEM");
  }
  if (::SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse(key, "is no private key in PEM, without a passphrase, of " + cert);
  }
  const X509* own = ::SSL_CTX_get0_certificate(context.get());
  const ASN1_TIME *begin = ::X509_get0_notBefore(own), *end = ::X509_get0_notAfter(own);
  if (::X509_cmp_current_time(begin) > 0) refuse(cert, "is not valid before " + date_of(begin));
  if (::X509_cmp_current_time(end) < 0) refuse(cert, "has expired on " + date_of(end) + ": renew it");
}

void check_authorities(const std::string& path) {
  read_text(path);
  if (::SSL_CTX_load_verify_locations(new_context().get(), path.c_str(), nullptr) != 1) {
    refuse(path, "holds no certificate in PEM");
  }
}

}  // namespace learn_rt::serve
