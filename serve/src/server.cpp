#include "server.h"

#include <grpcpp/server_builder.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "grpc_log.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

constexpr int kMaxMessage = 16 << 20;  // bytes: 1,024 windows of 100 samples of 40 features
// Per connection, in HTTP/2. A client that passes it waits without a word, so it is far above max_streams, which
// answers.
constexpr int kMaxCalls = 4096;
constexpr std::chrono::milliseconds kLastWrites{500};

// Unix sockets are made with the mode that the umask leaves: for the owner only.
class OwnerOnly {
 public:
  OwnerOnly() : before_(::umask(0177)) {}
  ~OwnerOnly() { ::umask(before_); }
  OwnerOnly(const OwnerOnly&) = delete;
  OwnerOnly& operator=(const OwnerOnly&) = delete;

 private:
  mode_t before_;
};

void add_limits(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kMaxMessage);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCalls);
  // A second server on the same port would share its connections without a word.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // A peer that connects and says nothing.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // Controllers ping often to notice a dead server fast: never a reason to hang up.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // And we notice a machine that vanished, so that its sessions are freed.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 5'000);
}

std::vector<std::string> every_service() {
  return {inference::GRPCInferenceService::service_full_name(), v1::Predictor::service_full_name(),
          health::Health::service_full_name(), grpc::reflection::v1::ServerReflection::service_full_name(),
          grpc::reflection::v1alpha::ServerReflection::service_full_name()};
}

}  // namespace

Server::Server(std::shared_ptr<Repository> repository, const ServerOptions& options)
    : repository_(std::move(repository)),
      gate_(options.max_streams),
      loader_(repository_, gate_.journal(), options.loader),
      sequences_(options.max_sequences, options.sequence_idle),
      predictor_(repository_, gate_, options.rollout_threads),
      inference_(repository_, gate_, loader_, sequences_, options.version),
      health_({v1::Predictor::service_full_name(), inference::GRPCInferenceService::service_full_name()}),
      reflection_(every_service()),
      reflection_alpha_(every_service()) {
  std::vector<ListenAddress> addresses;
  for (const std::string& text : options.listen) {
    addresses.push_back(ListenAddress::parse(text));
    // gRPC would let the second Unix socket take the first one's place.
    if (addresses.back().host.empty() && std::count(options.listen.begin(), options.listen.end(), text) > 1) {
      throw std::invalid_argument("listen address " + text + " is given twice");
    }
  }
  if (addresses.empty()) throw std::invalid_argument("there is no address to listen on");
  if (!options.record.empty()) {
    record::RecorderOptions recorded;
    recorded.folder = options.record;
    recorded.seconds = options.record_s;
    repository_->record_with(std::make_shared<record::Recorder>(recorded));
  }
  tame_grpc_log();
  serve_grpc(addresses, Security(options.security, addresses));
  for (const ListenAddress& address : addresses) {
    if (address.is_shm()) segments_.push_back(std::make_unique<ShmFrontend>(address.name, repository_, gate_));
  }
  health_.set_serving(true);
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

void Server::serve_grpc(const std::vector<ListenAddress>& addresses, const Security& security) {
  for (const ListenAddress& address : addresses) {
    if (address.is_unix()) clear_stale_socket(address);
  }
  grpc::ServerBuilder builder;
  add_limits(builder);
  std::vector<int> ports(addresses.size(), 0);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (addresses[i].is_shm()) continue;
    builder.AddListeningPort(addresses[i].grpc_target(), security.credentials(addresses[i]), &ports[i]);
  }
  builder.RegisterService(&predictor_);
  builder.RegisterService(&inference_);
  builder.RegisterService(&health_);
  builder.RegisterService(&reflection_);
  builder.RegisterService(&reflection_alpha_);
  {
    const OwnerOnly mode;
    const QuietGrpc quiet;
    server_ = builder.BuildAndStart();
  }
  if (!server_) {
    for (const ListenAddress& address : addresses) {
      const std::string cause = address.is_shm() ? "" : why_not(address);
      if (!cause.empty()) throw std::runtime_error("cannot listen on " + address.text + ": " + cause);
    }
    throw std::runtime_error("cannot listen on " + addresses[0].text);
  }
  addresses_ = addresses;
  for (std::size_t i = 0; i < addresses.size(); ++i) bound_.push_back(addresses[i].bound(ports[i]));
}

std::vector<std::string> Server::dump(const std::string& reason) {
  if (recorder() == nullptr) throw std::runtime_error("nothing is recorded: start the server with --record DIR");
  return repository_->recorder()->dump(reason);
}

void Server::stop(std::chrono::milliseconds drain) {
  if (!server_) return;
  gate_.close();
  health_.set_serving(false);
  gate_.wait_empty(drain);
  gate_.end_all(shutting_down());
  segments_.clear();
  health_.end_watches(shutting_down());
  loader_.stop();
  server_->Shutdown(std::chrono::system_clock::now() + kLastWrites);  // then it cancels what is left
  server_.reset();
  for (const ListenAddress& address : addresses_) {
    if (address.is_unix()) ::unlink(address.path.c_str());
  }
}

}  // namespace learn_rt::serve
