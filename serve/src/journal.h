#pragma once

#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "counters.h"
#include "model_host.h"

namespace learn_rt::serve {

// Something that happened to a stream; texts are cut to fit.
struct StreamEvent {
  enum Kind : std::uint32_t { kOpened, kClosed, kRefused };  // refused: it never had a model

  Kind kind = kOpened;
  std::int64_t at_ms = 0;  // since 1970
  std::int64_t version = 0;
  std::uint64_t answers = 0;
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::array<char, 64> model{};
  std::array<char, 80> peer{};
  std::array<char, 256> cause{};
};

// What happened to streams, for a log: a queue of fixed memory. Any thread writes and none ever waits; when the queue
// is full the event is dropped and counted.
class Journal {
 public:
  explicit Journal(std::size_t capacity = 512);  // a power of two

  void opened(const ModelHost& host, const std::string& peer) noexcept;
  void closed(const ModelHost& host, const std::string& peer, std::uint64_t answers,
              const grpc::Status& status) noexcept;
  void refused(const std::string& peer, const grpc::Status& status) noexcept;

  // The oldest event. One thread at a time.
  std::optional<StreamEvent> try_pop() noexcept;
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  const CodeCounts& refusals() const noexcept { return refusals_; }

 private:
  // D. Vyukov's bounded queue: a cell's turn says whose it is, the writer's of that round or the reader's.
  struct Cell {
    std::atomic<std::size_t> turn{0};
    StreamEvent event;
  };

  void push(StreamEvent& event) noexcept;

  const std::size_t capacity_;
  const std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // writers
  alignas(64) std::size_t head_ = 0;              // the reader
  std::atomic<std::uint64_t> dropped_{0};
  CodeCounts refusals_;
};

}  // namespace learn_rt::serve
