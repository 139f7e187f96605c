#pragma once

#include <grpcpp/support/status.h>

#include <memory>

#include "infer.h"
#include "repository.h"
#include "sequences.h"

namespace learn_rt::serve {

// One ModelStreamInfer without its transport. A request without sequence_id holds whole windows; one with it holds one
// sample, [1, n_features], of that sequence's session. Sequences belong to their stream and are freed with it. One
// thread at a time.
class InferStream {
 public:
  static constexpr std::size_t kMaxSequences = 64;  // of one stream, at the same time

  explicit InferStream(std::shared_ptr<const Repository> repository) : repository_(std::move(repository)) {}

  // Always OK: errors go into error_message, and the stream stays open.
  grpc::Status answer(const inference::ModelInferRequest& request, inference::ModelStreamInferResponse* response);
  // The work of the last answered session that does not need its next sample.
  void settle();
  // The model of the last sequence; null before the first.
  ModelHost* served() const noexcept { return host_.get(); }
  std::uint64_t answers() const noexcept { return answers_; }

 private:
  grpc::Status answer_any(const inference::ModelInferRequest& request, inference::ModelInferResponse* response);

  std::shared_ptr<const Repository> repository_;
  Sequences sequences_{kMaxSequences, std::chrono::nanoseconds(0)};
  std::shared_ptr<Sequence> last_;
  std::shared_ptr<ModelHost> host_;
  std::uint64_t answers_ = 0;  // to samples of sequences
};

}  // namespace learn_rt::serve
