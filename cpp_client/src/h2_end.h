#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// How a gRPC call over HTTP/2 came to its end. What the server says of it is kept as it comes, in memory that is there
// already, because the control thread may be the one to hear it; cause() puts it into words later.
class H2End {
 public:
  enum Kind : std::uint32_t {
    kOpen,
    kEnded,         // the server's stream is at its end: its status says why
    kReset,         // the server reset the stream
    kNotConnected,  // `detail` is errno
    kBroken,        // the connection: `detail` is errno, 0 when the peer closed it
    kProtocol,      // what came is no HTTP/2, or breaks its rules
    kTooLarge,      // a message of `detail` bytes
    kRefused,       // by us: `why`
  };

  explicit H2End(std::string target) : target_(std::move(target)) {}

  // The first end is the end. `why` is copied.
  void stop(Kind kind, std::string_view why = {}, std::int64_t detail = 0) LEARN_RT_REALTIME;
  // One of the server's headers or trailers; false when they are too many.
  bool header(std::string_view name, std::string_view value) LEARN_RT_REALTIME;
  // What the library or the server says about an error that is going to end the connection.
  void note(std::string_view text) LEARN_RT_REALTIME;
  // The server has spoken HTTP/2.
  void spoke() LEARN_RT_REALTIME { spoke_ = true; }

  // The headers were those of an answer by gRPC.
  bool is_grpc() const LEARN_RT_REALTIME { return http_status_ == 200 && content_type_is_grpc_; }
  // Any thread.
  bool over() const LEARN_RT_REALTIME { return kind_.load(std::memory_order_acquire) != kOpen; }
  bool ok() const noexcept;
  std::string cause() const;

 private:
  static constexpr std::size_t kMostHeaderBytes = 16 << 10;

  struct Text {
    std::array<char, 1024> bytes;
    std::size_t size = 0;
    void set(std::string_view text) LEARN_RT_REALTIME;
    std::string get() const { return {bytes.data(), size}; }
  };
  std::string status() const;

  const std::string target_;
  std::atomic<Kind> kind_{kOpen};
  std::int64_t detail_ = 0;
  Text why_, noted_, message_;
  bool spoke_ = false, content_type_is_grpc_ = false;
  int http_status_ = 0;
  int grpc_status_ = -1;  // none came
  std::size_t header_bytes_ = 0;
};

}  // namespace learn_rt::client
