#include "echo.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "clock.h"
#include "learn_rt/v1/predictor.grpc.pb.h"

namespace learn_rt::bench {
namespace {

class Echo final : public grpc::ServerBidiReactor<v1::PredictRequest, v1::PredictResponse> {
 public:
  Echo(std::size_t n_outputs, std::chrono::nanoseconds settle) : n_outputs_(n_outputs), settle_(settle) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    response_.set_sequence(request_.sequence());
    response_.set_stamp_ns(request_.stamp_ns());
    response_.mutable_predictions()->Resize(static_cast<int>(n_outputs_), 0.0F);
    StartWrite(&response_);
    for (const std::int64_t end = now_ns() + settle_.count(); now_ns() < end;) {
    }
    one_done();
  }
  void OnWriteDone(bool ok) override {
    if (ok) one_done();
  }
  void OnDone() override { delete this; }

 private:
  // The next sample is read when the write and the work after it are both done, on whichever thread comes second.
  void one_done() {
    if (done_.fetch_xor(1, std::memory_order_acq_rel) == 1) StartRead(&request_);
  }

  std::size_t n_outputs_;
  std::chrono::nanoseconds settle_;
  std::atomic<int> done_{0};
  v1::PredictRequest request_;
  v1::PredictResponse response_;
};

class EchoService final : public v1::Predictor::CallbackService {
 public:
  EchoService(std::size_t n_outputs, std::chrono::nanoseconds settle) : n_outputs_(n_outputs), settle_(settle) {}
  grpc::ServerBidiReactor<v1::PredictRequest, v1::PredictResponse>* Predict(grpc::CallbackServerContext*) override {
    return new Echo(n_outputs_, settle_);  // NOLINT: it deletes itself when the call is done
  }

 private:
  std::size_t n_outputs_;
  std::chrono::nanoseconds settle_;
};

}  // namespace

struct EchoServer::Impl {
  Impl(std::size_t n_outputs, std::chrono::nanoseconds settle) : service(n_outputs, settle) {}
  EchoService service;
  std::unique_ptr<grpc::Server> server;
  std::string target;
};

EchoServer::EchoServer(const std::string& address, std::size_t n_outputs, std::chrono::nanoseconds settle)
    : impl_(std::make_unique<Impl>(n_outputs, settle)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&impl_->service);
  impl_->server = builder.BuildAndStart();
  if (!impl_->server) throw std::runtime_error("the echo cannot listen on " + address);
  const bool on_unix = address.compare(0, 5, "unix:") == 0;
  impl_->target = on_unix ? address : address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

EchoServer::~EchoServer() { impl_->server->Shutdown(std::chrono::system_clock::now()); }

const std::string& EchoServer::target() const noexcept { return impl_->target; }

struct EchoArm::Call {
  explicit Call(const std::string& target)
      : stub(v1::Predictor::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()))),
        stream(stub->Predict(&context)) {}
  ~Call() {
    context.TryCancel();
    stream->Finish();
  }
  grpc::ClientContext context;
  std::unique_ptr<v1::Predictor::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PredictRequest, v1::PredictResponse>> stream;
  v1::PredictRequest request;
  v1::PredictResponse response;
};

EchoArm::EchoArm(const std::string& target, std::size_t n_features, std::size_t n_outputs)
    : target_(target), n_features_(n_features), n_outputs_(n_outputs), call_(std::make_unique<Call>(target)) {
  const std::vector<float> sample(n_features, 0.0F);
  std::vector<float> values(n_outputs);
  answer(sample.data(), values.data());
}

EchoArm::~EchoArm() = default;

std::uint32_t EchoArm::answer(const float* sample, float* values) {
  Call& call = *call_;
  call.request.set_sequence(call.request.sequence() + 1);
  call.request.set_stamp_ns(static_cast<std::uint64_t>(now_ns()));
  auto& samples = *call.request.mutable_samples();
  samples.Clear();
  samples.Add(sample, sample + n_features_);
  if (!call.stream->Write(call.request) || !call.stream->Read(&call.response) ||
      call.response.sequence() != call.request.sequence() ||
      call.response.predictions_size() != static_cast<int>(n_outputs_))
    throw std::runtime_error("the echo at " + target_ + " does not answer");
  std::copy_n(call.response.predictions().data(), n_outputs_, values);
  return 0;
}

Stages EchoArm::stages(std::int64_t call_ns) const noexcept {
  Stages stages;
  stages.wire = call_ns;
  return stages;
}

}  // namespace learn_rt::bench
