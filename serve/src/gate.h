#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "journal.h"

namespace learn_rt::serve {

// A stream that can be ended from outside.
class OpenStream {
 public:
  virtual ~OpenStream() = default;
  // Ends the stream with `status`, once the answer being written is out. Any thread; only the first call counts.
  virtual void end(const grpc::Status& status) = 0;
  // Since when its client says nothing. Any thread.
  std::chrono::steady_clock::time_point silent_since() const noexcept { return heard_.load(std::memory_order_relaxed); }
  // Whether it has said anything yet. Any thread.
  bool spoke() const noexcept { return spoke_.load(std::memory_order_relaxed); }

 protected:
  void hear(std::chrono::steady_clock::time_point now) noexcept {
    heard_.store(now, std::memory_order_relaxed);
    spoke_.store(true, std::memory_order_relaxed);
  }

 private:
  std::atomic<std::chrono::steady_clock::time_point> heard_{std::chrono::steady_clock::now()};
  std::atomic<bool> spoke_{false};
};

// "ipv4:192.0.2.1:8001" -> "ipv4:192.0.2.1"; empty for Unix sockets.
inline std::string host_of(const std::string& peer) {
  return peer.rfind("ip", 0) == 0 ? peer.substr(0, peer.rfind(':')) : std::string();
}

struct StreamLimits {
  std::size_t most = 256;             // open at the same time, over all connections
  std::size_t most_of_host = 0;       // of them from one address of the network; 0: as many as there are
  std::chrono::milliseconds idle{0};  // a stream that said nothing for so long may lose its place; 0: keeps it
  double samples_per_s = 0.0;         // of a stream of samples, on average over a second; 0: as many as it likes
};

// Who may come in, and who is inside. Any thread.
class Gate {
 public:
  explicit Gate(const StreamLimits& limits) : limits_(limits) {}

  bool ready() const;
  // Counts the stream in; `host`: the address it comes from, or empty for this machine's own. UNAVAILABLE when shutting
  // down, RESOURCE_EXHAUSTED when full. Where it is full, a stream that was silent for too long is ended for it.
  grpc::Status admit(const std::shared_ptr<OpenStream>& stream, const std::string& host = {});
  // Counts it out; a stream that was not admitted is ignored.
  void leave(OpenStream* stream);
  std::size_t inside() const;
  std::size_t max_streams() const noexcept { return limits_.most; }
  const StreamLimits& limits() const noexcept { return limits_; }

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
  struct Inside {
    std::shared_ptr<OpenStream> stream;
    std::string host;
  };

  using Streams = std::unordered_map<OpenStream*, Inside>;

  void forget(Streams::iterator entry);
  bool is_silent(const OpenStream& stream) const;
  std::shared_ptr<OpenStream> take_silent(const std::string& host);

  const StreamLimits limits_;
  mutable std::mutex mutex_;
  std::condition_variable empty_;
  bool open_ = true;
  Journal journal_;
  Streams streams_;
  std::unordered_map<std::string, std::size_t> of_host_;  // where that is limited
};

}  // namespace learn_rt::serve
