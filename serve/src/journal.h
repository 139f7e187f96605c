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

// Something that happened to a stream or to a version of a model; texts are cut to fit.
struct Event {
  enum Kind : std::uint32_t {
    kOpened,
    kClosed,
    kRefused,  // a stream that never had a model
    kLoaded,   // from here on: a version
    kUnloaded,
    kVersionRefused,
    kSwapped,  // a stream went on with it
    kLeftOut,  // a stream did not, and why
  };

  Kind kind = kOpened;
  std::int64_t at_ms = 0;  // since 1970
  std::int64_t version = 0;
  std::uint64_t answers = 0;
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::array<char, 64> model{};
  std::array<char, 80> peer{};
  std::array<char, 256> cause{};
};

// What happened to streams and versions, for a log: a queue of fixed memory. Any thread writes and none ever waits;
// when the queue is full the event is dropped and counted.
class Journal {
 public:
  explicit Journal(std::size_t capacity = 512);  // a power of two

  void opened(const ModelHost& host, const std::string& peer) noexcept;
  void closed(const ModelHost& host, const std::string& peer, std::uint64_t answers,
              const grpc::Status& status) noexcept;
  void refused(const std::string& peer, const grpc::Status& status) noexcept;

  void loaded(const ModelHost& host) noexcept;
  void unloaded(const ModelHost& host) noexcept;
  void version_refused(const std::string& name, std::int64_t version, const std::string& cause) noexcept;

  // A stream went on with another version than `from`.
  void swapped(std::int64_t from, const ModelHost& to) noexcept;
  // A stream does not go on with a version.
  void version_left_out(const ModelHost& host, const std::string& cause) noexcept;

  // The oldest event. One thread at a time.
  std::optional<Event> try_pop() noexcept;
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  const CodeCounts& refusals() const noexcept { return refusals_; }

 private:
  // D. Vyukov's bounded queue: a cell's turn says whose it is, the writer's of that round or the reader's.
  struct Cell {
    std::atomic<std::size_t> turn{0};
    Event event;
  };

  void push(Event& event) noexcept;
  void of_version(Event::Kind kind, const std::string& name, std::int64_t version, const std::string& cause) noexcept;

  const std::size_t capacity_;
  const std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // writers
  alignas(64) std::size_t head_ = 0;              // the reader
  std::atomic<std::uint64_t> dropped_{0};
  CodeCounts refusals_;
};

}  // namespace learn_rt::serve
