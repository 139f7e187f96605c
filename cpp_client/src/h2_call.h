#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "endpoint.h"
#include "fork_mark.h"
#include "h2_arena.h"
#include "h2_end.h"
#include "h2_socket.h"
#include "learn_rt/realtime.h"

namespace learn_rt::client {

// One gRPC call on a connection of its own, without TLS: what HTTP/2 asks for is nghttp2's work, from memory that was
// set aside when the call was made. Nothing here blocks, allocates or throws but the constructor, so that the control
// thread may send and take messages itself. One thread, but for what says otherwise.
class H2Call {
 public:
  // Where messages go. Called by step().
  class Sink {
   public:
    virtual void received(const char* message, std::size_t size) noexcept = 0;

   protected:
    ~Sink() = default;
  };

  struct Terms {
    std::string path;                          // /package.Service/Method
    std::string first;                         // message
    bool unary = false;                        // nothing is sent after it
    std::chrono::milliseconds timeout{0};      // that the server is told; 0: none
    std::chrono::milliseconds patience{5000};  // to look a host's name up
    std::size_t largest_request = 0;           // bytes
    std::size_t largest_response = 0;          // a longer message ends the call
  };

  // Throws std::runtime_error: no such host, no word of it in time, or a token that cannot be sent.
  H2Call(const Endpoint& endpoint, Terms terms, Sink& sink);
  ~H2Call();  // resets the stream
  H2Call(const H2Call&) = delete;
  H2Call& operator=(const H2Call&) = delete;

  // Goes on: connects, sends what waits, takes what has come, at most kInput bytes of it. False when the call is over.
  bool step() LEARN_RT_REALTIME;
  // Where the next message is written, of `largest_request` bytes; null while the one before is not on its way.
  char* next_message() LEARN_RT_REALTIME;
  // Sends that message.
  void send(std::size_t size) LEARN_RT_REALTIME;
  // Sleeps until step() may have something to do.
  void wait(std::int64_t until_ns) LEARN_RT_REALTIME {
    if (broken_by_ == 0) socket_.wait(to_send(), until_ns);
  }
  // Ends the call for a reason of the caller's.
  void refuse(const char* why) LEARN_RT_REALTIME { end_.stop(H2End::kRefused, why); }

  // Any thread.
  bool over() const LEARN_RT_REALTIME { return end_.over(); }
  // Why it is over, with the status that gRPC would give it; empty when it is not.
  std::string cause() const { return end_.cause(); }
  // The server said OK.
  bool ok() const noexcept { return end_.ok(); }
  void interrupt() noexcept { socket_.interrupt(); }

 private:
  static constexpr std::size_t kInput = 16 << 10, kOutput = 64 << 10;
  static constexpr std::size_t kPrefix = 5;  // of a message: a flag and its length
  struct Callbacks;

  void submit(const Endpoint& endpoint, const Terms& terms);
  void receive() LEARN_RT_REALTIME;
  void flush() LEARN_RT_REALTIME;
  void take(const std::uint8_t* bytes, std::size_t n) LEARN_RT_REALTIME;
  bool begin_message() LEARN_RT_REALTIME;
  bool is_flooded() LEARN_RT_REALTIME;
  bool to_send() const LEARN_RT_REALTIME { return !connected_ || out_begin_ != out_end_; }
  static ssize_t read_message(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room, std::uint32_t* flags,
                              nghttp2_data_source* source, void*) noexcept;

  const ForkMark mark_;
  Sink& sink_;
  const bool unary_;
  const std::size_t largest_response_;
  H2End end_;
  H2Socket socket_;
  H2Arena arena_;
  nghttp2_session* session_ = nullptr;
  std::int32_t stream_ = 0;
  bool connected_ = false;
  int broken_by_ = 0;          // errno of a send: nothing can be sent any more, but answers may still lie there
  std::vector<char> request_;  // a message with its prefix
  std::size_t request_at_ = 0, request_end_ = 0;
  std::array<std::uint8_t, kInput> input_{};
  std::array<std::uint8_t, kOutput> output_{};
  std::size_t out_begin_ = 0, out_end_ = 0;
  std::array<std::uint8_t, kPrefix> prefix_{};
  std::size_t prefix_n_ = 0;
  std::vector<char> response_;
  std::size_t response_at_ = 0, response_size_ = 0;
  std::size_t idle_frames_ = 0;  // without a message among them, since
  std::int64_t idle_since_ns_ = 0;
};

}  // namespace learn_rt::client
