#include <grpcpp/grpcpp.h>

#include <mutex>
#include <stdexcept>

#include "grpc_cause.h"
#include "grpc_channel.h"
#include "grpc_transport.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "server_transports.h"

namespace learn_rt::client {
namespace {

using Stream = grpc::ClientReaderWriter<v1::RolloutRequest, v1::RolloutResponse>;

constexpr int kMaxAnswer = 9 << 20;  // bytes: 2^21 values, as the protocol allows, and what is around them

class GrpcRolloutLink final : public RolloutLink {
 public:
  explicit GrpcRolloutLink(Endpoint endpoint) : endpoint_(std::move(endpoint)) {}
  ~GrpcRolloutLink() override { close(); }

  Spec describe(const std::string& model, const RolloutClientOptions& options) override {
    return GrpcTransport(endpoint_, false).describe(model, options.version, options.connect_timeout);
  }

  void open(const std::string& model, const std::string& contract_hash, const RolloutClientOptions& options) override {
    close();
    const GrpcChannel channel(endpoint_, kMaxAnswer);
    wait_until_decided(*channel.channel(), options.connect_timeout);
    stub_ = v1::Predictor::NewStub(channel.channel());
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      context_ = std::make_unique<grpc::ClientContext>();
      channel.sign(*context_);
    }
    stream_ = stub_->Rollout(context_.get());
    request_.Clear();
    auto& open = *request_.mutable_open();
    open.set_model(model);
    open.set_version(options.version);
    open.set_contract_hash(contract_hash);
    open.set_max_candidates(static_cast<std::uint32_t>(options.max_candidates));
    open.set_max_horizon(static_cast<std::uint32_t>(options.max_horizon));
    send_and_receive();
    if (!response_.has_opened()) fail("the server broke the protocol: its first message does not open");
  }

  void exchange(const RolloutRequest& request, RolloutReply& reply) override {
    request_.Clear();
    request_.set_sequence(request.sequence);
    request_.set_restart(request.restart);
    request_.mutable_observed()->Add(request.observed.begin(), request.observed.end());
    request_.mutable_taken()->Add(request.taken.begin(), request.taken.end());
    request_.mutable_actions()->Add(request.actions.begin(), request.actions.end());
    request_.set_candidates(static_cast<std::uint32_t>(request.candidates));
    request_.set_horizon(static_cast<std::uint32_t>(request.horizon));
    send_and_receive();
    reply.sequence = response_.sequence();
    reply.states.assign(response_.states().begin(), response_.states().end());
    reply.flags.assign(response_.flags().begin(), response_.flags().end());
    reply.history_flags = response_.history_flags();
    reply.compute_ns = static_cast<std::int64_t>(response_.compute_ns());
  }

  void close() noexcept override {
    if (!stream_) return;
    cancel();
    static_cast<void>(stream_->Finish());
    stream_.reset();
    const std::lock_guard<std::mutex> lock(mutex_);
    context_.reset();
  }

  void cancel() noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (context_) context_->TryCancel();
  }

 private:
  void send_and_receive() {
    // A write that fails leaves the stream without a reader too: the status says why.
    if (stream_->Write(request_) && stream_->Read(&response_)) return;
    const grpc::Status status = stream_->Finish();
    stream_.reset();
    throw std::runtime_error(status.ok() ? "the server ended the stream" : cause_of(status, endpoint_));
  }

  // Until it is connected, or has failed: the call then says why.
  void wait_until_decided(grpc::Channel& channel, std::chrono::milliseconds timeout) const {
    const auto until = std::chrono::system_clock::now() + timeout;
    for (auto state = channel.GetState(true); state == GRPC_CHANNEL_IDLE || state == GRPC_CHANNEL_CONNECTING;
         state = channel.GetState(true)) {
      if (!channel.WaitForStateChange(state, until)) {
        throw std::runtime_error("UNAVAILABLE: no connection to " + endpoint_.target);
      }
    }
  }

  [[noreturn]] void fail(const std::string& cause) {
    close();
    throw std::runtime_error(cause);
  }

  const Endpoint endpoint_;
  std::mutex mutex_;  // guards the context against cancel()
  std::unique_ptr<v1::Predictor::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<Stream> stream_;
  v1::RolloutRequest request_;  // kept for their memory
  v1::RolloutResponse response_;
};

}  // namespace

std::unique_ptr<RolloutLink> make_grpc_rollout_link(const Endpoint& endpoint) {
  return std::make_unique<GrpcRolloutLink>(endpoint);
}

}  // namespace learn_rt::client
