#pragma once

#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "learn_rt/v1/predictor.grpc.pb.h"
#include "server.h"
#include "sum_model.h"

namespace learn_rt::serve {

// Waits for what another thread will do; false after ten seconds.
template <class Condition>
bool soon(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

// A server of the sum model, asked over "unix", "grpc" or "spin", a Unix socket that a thread polls.
class ServerTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (polled() && std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "polling takes a CPU of its own";
    char pattern[] = "/tmp/learn-serve-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
    start({});
  }
  void TearDown() override {
    server_.reset();
    EXPECT_EQ(served_.model->watched.open, 0);
    EXPECT_EQ(served_.model->watched.overlaps, 0);
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  bool polled() const { return std::string(GetParam()) == "spin"; }

  void start(ServerOptions options) {
    server_.reset();
    options.listen = {std::string(GetParam()) == "grpc" ? "grpc://127.0.0.1:0" : "unix:" + folder_ + "/s"};
    if (polled()) options.spin = {"unix:" + folder_ + "/polled"};
    server_ = std::make_unique<Server>(served_.repository, options);
  }

  // Connections of their own: gRPC would share one otherwise. To streams of samples, and to all else.
  std::shared_ptr<grpc::Channel> channel() const {
    return to(polled() ? server_->spin_addresses()[0] : server_->addresses()[0]);
  }
  std::shared_ptr<grpc::Channel> listening() const { return to(server_->addresses()[0]); }

  SumRepository served_;
  std::string folder_;
  std::unique_ptr<Server> server_;

 private:
  static std::shared_ptr<grpc::Channel> to(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const std::string target = address.rfind("grpc://", 0) == 0 ? address.substr(7) : address;
    return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  }
};

// A client's end of one Predict stream.
struct Caller {
  explicit Caller(const std::shared_ptr<grpc::Channel>& channel)
      : stub(v1::Predictor::NewStub(channel)), stream(stub->Predict(&context)) {}

  bool open() { return stream->Write(opening()) && stream->Read(&response); }
  bool ask(float value, std::uint64_t sequence) {
    v1::PredictRequest request;
    request.set_sequence(sequence);
    request.add_samples(value);
    request.add_samples(0);
    return stream->Write(request);
  }
  static v1::PredictRequest opening() {
    v1::PredictRequest request;
    request.mutable_open()->set_model("sum");
    request.mutable_open()->set_contract_hash("5a5a");
    return request;
  }

  grpc::ClientContext context;
  std::unique_ptr<v1::Predictor::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<v1::PredictRequest, v1::PredictResponse>> stream;
  v1::PredictResponse response;
};

}  // namespace learn_rt::serve
