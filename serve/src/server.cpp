#include "server.h"

#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <set>
#include <stdexcept>

#include "grpc_listen.h"
#include "grpc_log.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

std::vector<std::string> every_service() {
  return {inference::GRPCInferenceService::service_full_name(), v1::Predictor::service_full_name(),
          health::Health::service_full_name(), grpc::reflection::v1::ServerReflection::service_full_name(),
          grpc::reflection::v1alpha::ServerReflection::service_full_name()};
}

std::vector<ListenAddress> parse(const std::vector<std::string>& texts) {
  std::vector<ListenAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(ListenAddress::parse(text));
  return addresses;
}

// gRPC would let the second Unix socket take the first one's place.
void refuse_twice(const std::vector<ListenAddress>& addresses) {
  std::set<std::string> seen;
  for (const ListenAddress& address : addresses) {
    if (address.host.empty() && !seen.insert(address.text).second)
      throw std::invalid_argument("listen address " + address.text + " is given twice");
  }
}

}  // namespace

Server::Server(std::shared_ptr<Repository> repository, const ServerOptions& options)
    : repository_(std::move(repository)),
      gate_(options.streams),
      loader_(repository_, gate_.journal(), options.loader),
      sequences_(options.max_sequences, options.sequence_idle),
      predictor_(repository_, gate_, options.rollout_threads),
      inference_(repository_, gate_, loader_, sequences_, options.version),
      health_({v1::Predictor::service_full_name(), inference::GRPCInferenceService::service_full_name()}),
      reflection_(every_service()),
      reflection_alpha_(every_service()) {
  const std::vector<ListenAddress> addresses = parse(options.listen), polled = parse(options.spin);
  if (addresses.empty()) throw std::invalid_argument("there is no address to listen on");
  addresses_ = addresses;
  addresses_.insert(addresses_.end(), polled.begin(), polled.end());
  refuse_twice(addresses_);
  if (!options.record.empty()) {
    record::RecorderOptions recorded;
    recorded.folder = options.record;
    recorded.seconds = options.record_s;
    repository_->record_with(std::make_shared<record::Recorder>(recorded));
  }
  tame_grpc_log();
  if (!polled.empty()) {
    SpinFrontend::check_cpus(options.spin_cpu);
    SpinFrontend::choose_polling();
  }
  const Security security(options.security, addresses_);
  serve_grpc(addresses, security, options.max_buffers);
  if (!polled.empty()) {
    spin_ = std::make_unique<SpinFrontend>(polled, security, options.max_buffers, options.spin_cpu, repository_, gate_);
    bound_spin_ = spin_->addresses();
  }
  for (const ListenAddress& address : addresses) {
    if (address.is_shm()) segments_.push_back(std::make_unique<ShmFrontend>(address.name, repository_, gate_));
  }
  health_.set_serving(true);
}

Server::~Server() { stop(std::chrono::milliseconds(0)); }

void Server::serve_grpc(const std::vector<ListenAddress>& addresses, const Security& security,
                        std::size_t max_buffers) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&predictor_);
  builder.RegisterService(&inference_);
  builder.RegisterService(&health_);
  builder.RegisterService(&reflection_);
  builder.RegisterService(&reflection_alpha_);
  server_ = listen(builder, addresses, security, max_buffers, &bound_);
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
  spin_.reset();
  health_.end_watches(shutting_down());
  loader_.stop();
  shut_down(*server_);
  server_.reset();
  for (const ListenAddress& address : addresses_) {
    if (address.is_unix()) ::unlink(address.path.c_str());
  }
}

}  // namespace learn_rt::serve
