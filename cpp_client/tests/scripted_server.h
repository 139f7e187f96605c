#pragma once

#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "learn_rt/v1/predictor.grpc.pb.h"
#include "reference.h"

namespace learn_rt::client {

// A gRPC server of the reference model, honest unless told otherwise.
class ScriptedServer final : public v1::Predictor::Service {
 public:
  // `where`: unix:PATH, or 127.0.0.1:0 for any free port.
  explicit ScriptedServer(const std::string& where) { start(where); }
  ~ScriptedServer() override { stop(); }

  void start(const std::string& where) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 100);  // who does not answer a ping for a second is gone
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 1000);
    server_ = builder.BuildAndStart();
    if (!server_) throw std::runtime_error("cannot listen on " + where);
  }
  void stop() {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  int port() const { return port_; }

  std::string describe_json = reference_spec().json;
  std::string describe_hash = kHash;
  std::function<grpc::Status(const v1::Open&)> judge = [](const v1::Open&) { return grpc::Status::OK; };
  std::function<void(v1::PredictResponse&)> falsify = [](v1::PredictResponse&) {};
  std::atomic<int> end_after{-1};  // answers after which a stream ends; -1: never
  std::atomic<int> delay_us{0};    // of each answer
  std::atomic<bool> skip_opened{false};
  std::atomic<int> streams{0};

  grpc::Status Describe(grpc::ServerContext*, const v1::DescribeRequest* request,
                        v1::DescribeResponse* response) override {
    if (request->model() != "reference") return {grpc::StatusCode::NOT_FOUND, "no model '" + request->model() + "'"};
    response->set_model("reference");
    response->set_version(1);
    response->set_contract_hash(describe_hash);
    response->set_spec_json(describe_json);
    return grpc::Status::OK;
  }

  grpc::Status Predict(grpc::ServerContext*,
                       grpc::ServerReaderWriter<v1::PredictResponse, v1::PredictRequest>* stream) override {
    v1::PredictRequest request;
    if (!stream->Read(&request) || !request.has_open()) return {grpc::StatusCode::INVALID_ARGUMENT, "open first"};
    if (const auto status = judge(request.open()); !status.ok()) return status;
    ++streams;
    ReferenceSession session;
    session.begin({request.open().rest().begin(), request.open().rest().end()});
    v1::PredictResponse response;
    if (!skip_opened) response.mutable_opened()->set_version(1);
    stream->Write(response);
    for (int answered = 0; stream->Read(&request); ++answered) {
      if (answered == end_after) return {grpc::StatusCode::UNAVAILABLE, "scripted end"};
      const int n = request.samples_size() / 2;
      response.Clear();
      response.set_sequence(request.sequence());
      response.set_stamp_ns(request.stamp_ns());
      response.mutable_predictions()->Resize(2 * n, 0.0F);
      response.mutable_flags()->Resize(n, 0);
      for (int i = 0; i < n; ++i)
        response.set_flags(
            i, session.step(request.samples().data() + 2 * i, response.mutable_predictions()->mutable_data() + 2 * i));
      falsify(response);
      if (delay_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(delay_us));
      stream->Write(response);
    }
    return grpc::Status::OK;
  }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// A folder of one's own for a socket, gone at the end.
class SocketFolder {
 public:
  SocketFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "learn-rt-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder for a socket");
    path_ = name;
  }
  ~SocketFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string address() const { return "unix:" + (path_ / "learn.sock").string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace learn_rt::client
