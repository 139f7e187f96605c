#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "grpc_channel.h"
#include "learn_rt/v1/predictor.grpc.pb.h"
#include "transport.h"

namespace learn_rt::client {

// One Predict call, from its start to its end. The endpoint outlives it.
//
// Events come out of a completion queue. Asleep, a thread of the stream's own waits there, so that an answer goes from
// the socket to the control thread with one wake-up. Spinning, poll() looks into it and nobody sleeps.
class GrpcStream {
 public:
  GrpcStream(const Endpoint& endpoint, const Opening& opening, Receiver& receiver, bool spin);
  ~GrpcStream();  // cancels the call and waits for its end
  GrpcStream(const GrpcStream&) = delete;
  GrpcStream& operator=(const GrpcStream&) = delete;

  // gRPC carries one write at a time.
  bool can_send() const noexcept { return !writing_.load(std::memory_order_acquire); }
  void send(const Chunk& chunk);
  void poll();

 private:
  enum Event : std::intptr_t { kStarted = 1, kWritten, kRead, kFinished };
  static void* tag(Event event) noexcept { return reinterpret_cast<void*>(event); }

  void wait_until_finished();
  void handle(Event event, bool ok);
  void take(const v1::PredictResponse& response);

  const Endpoint& endpoint_;
  const GrpcChannel channel_;
  Receiver& receiver_;
  const std::unique_ptr<v1::Predictor::Stub> stub_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::PredictRequest, v1::PredictResponse>> call_;
  v1::PredictRequest open_, request_;
  v1::PredictResponse response_;
  grpc::Status status_;
  std::atomic<bool> writing_{true};  // until the opening is out
  bool opened_ = false, finished_ = false;
  std::int64_t version_ = 0;  // that answers from here on
  std::thread thread_;
};

}  // namespace learn_rt::client
