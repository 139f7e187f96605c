#pragma once

#include <grpcpp/support/status.h>

#include <memory>

#include "learn_rt/v1/predictor.pb.h"
#include "repository.h"

namespace learn_rt::serve {

// One stream of rollouts without its transport: a rollout session, and the rules of learn_rt.v1. One thread at a time.
class RolloutExchange {
 public:
  static constexpr std::size_t kMaxValues = std::size_t{1} << 21;  // candidates x horizon x values of a row
  static constexpr std::size_t kMaxObserved = 65536;               // states in a request

  // `threads` share the candidates of a rollout.
  RolloutExchange(std::shared_ptr<const Repository> repository, std::size_t threads)
      : repository_(std::move(repository)), threads_(threads) {}

  // Answers one request. Not OK ends the stream: INVALID_ARGUMENT, NOT_FOUND, FAILED_PRECONDITION, RESOURCE_EXHAUSTED.
  grpc::Status answer(const v1::RolloutRequest& request, v1::RolloutResponse* response);
  void settle() {}
  // The model; null until the stream is open.
  ModelHost* served() const noexcept { return hosted_ ? &hosted_->host() : nullptr; }
  std::uint64_t answers() const noexcept { return answers_; }

 private:
  grpc::Status open(const v1::RolloutOpen& open, v1::Opened* opened);
  // Every size is checked here, before memory is taken for an answer.
  grpc::Status check(const v1::RolloutRequest& request) const;
  std::uint32_t observe(const v1::RolloutRequest& request);
  void rollout(const v1::RolloutRequest& request, v1::RolloutResponse* response);

  std::shared_ptr<const Repository> repository_;
  std::size_t threads_;
  std::unique_ptr<HostedRollout> hosted_;
  std::uint64_t answers_ = 0;
};

}  // namespace learn_rt::serve
