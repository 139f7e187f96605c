#include "grpc_transport.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <stdexcept>
#include <utility>

#include "grpc_factory.h"
#include "grpc_stream.h"
#include "learn_rt/v1/predictor.grpc.pb.h"

namespace learn_rt::client {

std::shared_ptr<grpc::Channel> make_channel(const std::string& target, int max_message) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);     // the pump retries, with the history that gRPC does not know
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // an address says where to go
  arguments.SetMaxReceiveMessageSize(max_message);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

GrpcTransport::GrpcTransport(std::string target, bool spin) : target_(std::move(target)), spin_(spin) {
  // gRPC 1.51 shuts down with its last user, and may sleep for 10 s doing so: here it stays up until the process ends.
  static const bool up = (grpc_init(), true);
  static_cast<void>(up);
}
GrpcTransport::~GrpcTransport() { close(); }

Spec GrpcTransport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) {
  const auto stub = v1::Predictor::NewStub(make_channel(target_));
  v1::DescribeRequest request;
  request.set_model(model);
  request.set_version(version);
  v1::DescribeResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  const grpc::Status status = stub->Describe(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(to_string(status));
  Spec spec = Spec::parse(response.spec_json());
  if (spec.contract_hash != response.contract_hash())
    throw std::runtime_error("the server broke the protocol: contract " + response.contract_hash() +
                             " beside a spec of contract " + spec.contract_hash);
  return spec;
}

void GrpcTransport::open(const Opening& opening, Receiver& receiver) {
  stream_ = std::make_unique<GrpcStream>(make_channel(target_), opening, receiver, spin_);
}

std::size_t GrpcTransport::room() noexcept { return stream_ && stream_->can_send() ? kAnyNumber : 0; }
void GrpcTransport::send(const Chunk& chunk) { stream_->send(chunk); }
void GrpcTransport::poll() {
  if (stream_) stream_->poll();
}
void GrpcTransport::close() noexcept { stream_.reset(); }

std::unique_ptr<Transport> make_grpc_transport(const std::string& target, bool spin) {
  return std::make_unique<GrpcTransport>(target, spin);
}

}  // namespace learn_rt::client
