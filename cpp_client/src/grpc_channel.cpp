#include "grpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <stdexcept>

#include "learn_rt/certificate_date.h"
#include "token.h"

namespace learn_rt::client {
namespace {

std::string read_pem(const std::string& path, const char* option) {
  if (path.empty()) return {};
  std::string text = read_file(path, option);
  if (text.find("-----BEGIN ") == std::string::npos)
    throw std::runtime_error(std::string(option) + " " + path + ": no PEM in it");
  return text;
}

// The server would only hang up.
void check_dates(const std::string& pem, const std::string& path) {
  const std::unique_ptr<BIO, decltype(&::BIO_free)> text(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())),
                                                         ::BIO_free);
  const std::unique_ptr<X509, decltype(&::X509_free)> own(::PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                                          ::X509_free);
  if (!own) {
    ::ERR_clear_error();
    return;  // gRPC says what is wrong with it
  }
  const ASN1_TIME *begin = ::X509_get0_notBefore(own.get()), *end = ::X509_get0_notAfter(own.get());
  if (::X509_cmp_current_time(begin) > 0)
    throw std::runtime_error("tls_cert " + path + " is not valid before " + date_of(begin));
  if (::X509_cmp_current_time(end) < 0)
    throw std::runtime_error("tls_cert " + path + " has expired on " + date_of(end) + ": renew it");
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const Endpoint& endpoint) {
  if (!endpoint.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = read_pem(endpoint.security.tls_ca, "tls_ca");
  options.pem_cert_chain = read_pem(endpoint.security.tls_cert, "tls_cert");
  check_dates(options.pem_cert_chain, endpoint.security.tls_cert);
  options.pem_private_key = read_pem(endpoint.security.tls_key, "tls_key");
  return grpc::SslCredentials(options);
}

}  // namespace

GrpcChannel::GrpcChannel(const Endpoint& endpoint, int max_message) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // the pump retries, with the history that gRPC does not know
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // an address says where to go
  arguments.SetMaxReceiveMessageSize(max_message);
  channel_ = grpc::CreateCustomChannel(endpoint.target, credentials(endpoint), arguments);
  authorization_ = authorization_of(endpoint.security);
}

void GrpcChannel::sign(grpc::ClientContext& context) const {
  if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
}

}  // namespace learn_rt::client
