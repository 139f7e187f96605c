#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "inference.pb.h"
#include "repository.h"

namespace learn_rt::serve {

// How a request names the sequence that it belongs to.
struct SequenceRef {
  std::string id;  // empty: none. "i:7" for a number, "s:7" for a text
  bool start = false;
  bool end = false;
};

// Reads the reserved parameters sequence_id, sequence_start and sequence_end. INVALID_ARGUMENT: one of another type.
grpc::Status read_sequence(const inference::ModelInferRequest& request, SequenceRef* sequence);

// A sequence's session: it stays on the version that it was started on.
class Sequence {
 public:
  explicit Sequence(const std::shared_ptr<ModelHost>& host) : host_(host), hosted_(host) {}
  const std::shared_ptr<ModelHost>& host() const noexcept { return host_; }
  // The session's work that does not need the next sample; a sample that comes meanwhile waits for it.
  void settle();

 private:
  friend class Sequences;
  using Clock = std::chrono::steady_clock;

  const std::shared_ptr<ModelHost> host_;
  std::mutex mutex_;  // guards the session
  HostedSession hosted_;
  std::atomic<bool> answering_{false};
  std::atomic<Clock::rep> used_{0};
};

// The sequences of one ModelStreamInfer, or of all ModelInfer calls together. Any thread; the samples of one sequence
// come one after another.
class Sequences {
 public:
  // `most` at the same time; one that got no sample for `idle` is dropped when another starts. Zero: never.
  Sequences(std::size_t most, std::chrono::nanoseconds idle) : most_(most), idle_(idle) {}

  // Answers one sample, [1, n_features]. `*answered` is then to be settled, unless the
  // sequence ended with it: then nobody else holds it.
  grpc::Status answer(const Repository& repository, const inference::ModelInferRequest& request, const SequenceRef& ref,
                      inference::ModelInferResponse* response, std::shared_ptr<Sequence>* answered);
  std::size_t open() const;

 private:
  using Entry = std::shared_ptr<Sequence>;

  grpc::Status find(const Repository& repository, const inference::ModelInferRequest& request, const SequenceRef& ref,
                    const std::string& key, Entry* sequence);
  grpc::Status make_room(Sequence::Clock::time_point now, std::vector<Entry>* dropped);  // mutex_ held

  const std::size_t most_;
  const std::chrono::nanoseconds idle_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> sequences_;
};

}  // namespace learn_rt::serve
