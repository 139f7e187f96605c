#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "journal.h"

namespace learn_rt::serve {

// A stream that can be ended from outside.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends the stream with `status`, once the answer being written is out. Any thread; only the first call counts.
  virtual void end(const grpc::Status& status) = 0;
};

// Who may come in, and who is inside. Any thread.
class Gate {
 public:
  explicit Gate(std::size_t max_streams) : max_streams_(max_streams) {}

  bool ready() const;
  // Counts the stream in. UNAVAILABLE when shutting down, RESOURCE_EXHAUSTED when full.
  grpc::Status admit(const std::shared_ptr<OpenStream>& stream);
  // Counts it out; a stream that was not admitted is ignored.
  void leave(OpenStream* stream);
  std::size_t inside() const;
  std::size_t max_streams() const noexcept { return max_streams_; }

  // What happened to streams.
  Journal& journal() noexcept { return journal_; }
  const Journal& journal() const noexcept { return journal_; }

  // Nobody more comes in, and ready() is false.
  void close();
  // Waits until nobody is inside: false when `timeout` passed.
  bool wait_empty(std::chrono::milliseconds timeout);
  // Ends every stream inside.
  void end_all(const grpc::Status& status);

 private:
  const std::size_t max_streams_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  bool open_ = true;
  Journal journal_;
  std::unordered_map<OpenStream*, std::shared_ptr<OpenStream>> streams_;
};

}  // namespace learn_rt::serve
