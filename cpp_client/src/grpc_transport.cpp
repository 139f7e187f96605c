#include "grpc_transport.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <stdexcept>
#include <utility>

#include "grpc_cause.h"
#include "grpc_channel.h"
#include "grpc_stream.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "server_transports.h"

namespace learn_rt::client {

GrpcTransport::GrpcTransport(Endpoint endpoint, bool spin) : endpoint_(std::move(endpoint)), spin_(spin) {
  // gRPC 1.51 shuts down with its last user, and may sleep for 10 s doing so: here it stays up until the process ends.
  static const bool up = (grpc_init(), true);
  static_cast<void>(up);
}
GrpcTransport::~GrpcTransport() { close(); }

Spec GrpcTransport::describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) {
  const GrpcChannel channel(endpoint_);
  const auto stub = v1::Predictor::NewStub(channel.channel());
  v1::DescribeRequest request;
  request.set_model(model);
  request.set_version(version);
  v1::DescribeResponse response;
  grpc::ClientContext context;
  channel.sign(context);
  context.set_deadline(std::chrono::system_clock::now() + timeout);
  const grpc::Status status = stub->Describe(&context, request, &response);
  if (!status.ok()) throw std::runtime_error(cause_of(status, endpoint_));
  Spec spec = Spec::parse(response.spec_json());
  if (spec.contract_hash != response.contract_hash())
    throw std::runtime_error("the server broke the protocol: contract " + response.contract_hash() +
                             " beside a spec of contract " + spec.contract_hash);
  return spec;
}

void GrpcTransport::open(const Opening& opening, Receiver& receiver) {
  stream_ = std::make_unique<GrpcStream>(endpoint_, opening, receiver, spin_);
}

std::size_t GrpcTransport::room() noexcept { return stream_ && stream_->can_send() ? kAnyNumber : 0; }
void GrpcTransport::send(const Chunk& chunk) { stream_->send(chunk); }
bool GrpcTransport::poll() {
  if (stream_) stream_->poll();
  return true;  // it tells the receiver itself
}
void GrpcTransport::close() noexcept { stream_.reset(); }

std::unique_ptr<Transport> make_grpc_transport(const Endpoint& endpoint, bool spin) {
  return std::make_unique<GrpcTransport>(endpoint, spin);
}

}  // namespace learn_rt::client
