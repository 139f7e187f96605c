#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <memory>
#include <string>

#include "learn_rt/v1/predictor.pb.h"
#include "repository.h"

namespace learn_rt::serve {

// One stream of samples without its transport: a session, and the rules of learn_rt.v1
// (proto/learn_rt/v1/predictor.proto). One thread at a time.
class PredictStream {
 public:
  static constexpr int kMaxChunk = 4096;                   // samples in a message
  static constexpr std::size_t kMaxMessage = 1024 * 1024;  // bytes of samples in a message
  static constexpr std::size_t kMaxState = 256 * 1024;     // bytes of a state in a message
  static constexpr std::uint32_t kMaxStateEvery = 65'536;  // samples from state to state

  // `samples_per_s`: at most, on average over a second; 0: any. `max_chunk`: samples in a message, at most kMaxChunk.
  explicit PredictStream(std::shared_ptr<const Repository> repository, double samples_per_s = 0.0,
                         int max_chunk = kMaxChunk)
      : repository_(std::move(repository)),
        max_chunk_(max_chunk),
        most_per_s_(samples_per_s),
        allowed_(samples_per_s) {}

  // Answers one request. Not OK ends the stream: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED.
  grpc::Status answer(const v1::PredictRequest& request, v1::PredictResponse* response);
  // The session's work that does not need the next sample.
  void settle();
  // Brings what the next sample needs back into the caches, see Session::rehearse.
  void rehearse();
  // The model; null until the stream is open.
  ModelHost* served() const noexcept { return hosted_ ? &hosted_->host() : nullptr; }
  std::uint64_t answers() const noexcept { return answers_; }

 private:
  grpc::Status check_rate(int values, std::chrono::steady_clock::time_point arrival);
  grpc::Status open(const v1::Open& open, v1::Opened* opened);
  grpc::Status check_size(const v1::PredictRequest& request) const;
  // Returns the number of answers.
  int predict(const v1::PredictRequest& request, v1::PredictResponse* response);

  std::shared_ptr<const Repository> repository_;
  int max_chunk_;
  std::unique_ptr<HostedSession> hosted_;
  std::uint64_t answers_ = 0;
  std::string state_;              // of the session, after a sample: the next response is to carry it
  std::uint64_t state_every_ = 0;  // samples; 0: never
  std::uint64_t since_state_ = 0;  // samples taken
  bool has_state_ = false;         // that no response carried yet
  double most_per_s_;
  double allowed_;  // samples that may come now
  std::chrono::steady_clock::time_point filled_;
};

}  // namespace learn_rt::serve
