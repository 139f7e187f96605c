#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cage.h"
#include "h2_call.h"

namespace learn_rt::client {

using Fields = std::vector<std::pair<std::string, std::string>>;

// HTTP/2 as bytes, right or wrong.
enum FrameType : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPush,
  kPing,
  kGoAway,
  kWindow,
  kContinuation
};
constexpr std::uint8_t kEndStream = 1, kEndHeaders = 4;

inline std::string big_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(number >> (8 * i));
  return text;
}
inline std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
  return big_endian(payload.size(), 3) + static_cast<char>(type) + static_cast<char>(flags) + big_endian(stream, 4) +
         payload;
}
inline std::string settings(const std::vector<std::pair<int, std::uint32_t>>& entries = {}) {
  std::string payload;
  for (const auto& [name, value] : entries)
    payload += big_endian(static_cast<std::uint64_t>(name), 2) + big_endian(value, 4);
  return frame(kSettings, 0, 0, payload);
}
// A header's text as HPACK has it without any of its tables.
inline std::string literal(const std::string& text) {
  if (text.size() < 127) return static_cast<char>(text.size()) + text;
  std::string length(1, 127);
  for (std::size_t rest = text.size() - 127;; rest >>= 7) {
    length += static_cast<char>(rest < 128 ? rest : (rest & 127) | 128);
    if (rest < 128) return length + text;
  }
}
inline std::string block(const Fields& fields) {
  std::string bytes;
  for (const auto& [name, value] : fields) bytes += '\0' + literal(name) + literal(value);
  return bytes;
}
inline std::string headers(const Fields& fields, std::uint8_t flags = 0) {
  return frame(kHeaders, flags | kEndHeaders, 1, block(fields));
}
inline std::string message(const std::string& bytes, char compressed = 0) {
  return compressed + big_endian(bytes.size(), 4) + bytes;
}
inline std::string data(const std::string& bytes, std::uint8_t flags = 0) { return frame(kData, flags, 1, bytes); }

inline const Fields kGrpcHead = {{":status", "200"}, {"content-type", "application/grpc"}};
inline const std::string kBegin = settings() + headers(kGrpcHead);
inline std::string trailers(const std::string& status, const std::string& text) {
  return headers({{"grpc-status", status}, {"grpc-message", text}}, kEndStream);
}

// A call and what is at its other end: bytes that the test chooses, on a Unix socket or TCP. One thread.
class RawPeer final : private H2Call::Sink {
 public:
  enum class On { kUnix, kTcp };
  explicit RawPeer(On on = On::kUnix) {
    const int listener = ::socket(on == On::kUnix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const std::string target = on == On::kUnix ? listen_on_unix(listener) : listen_on_tcp(listener);
    call_ = std::make_unique<H2Call>(Endpoint{target, false, {}}, streaming(), static_cast<H2Call::Sink&>(*this));
    call_->step();
    fd_ = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    ::close(listener);
    call_->step();
  }
  ~RawPeer() {
    hang_up();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  static H2Call::Terms streaming() {
    H2Call::Terms terms;
    terms.path = "/test/Stream";
    terms.first = "first";
    terms.largest_request = 100'000;
    terms.largest_response = 1000;
    return terms;
  }

  // Sends the bytes, and lets the call take them.
  RawPeer& say(const std::string& bytes) {
    for (std::size_t at = 0; at < bytes.size() && !call().over();) {
      const ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) at += static_cast<std::size_t>(n);
      step();
    }
    for (std::size_t i = 0; i < 16; ++i) step();
    return *this;
  }
  RawPeer& hang_up() {
    if (fd_ >= 0) heard();  // or it would be a reset
    vanish();
    step();
    return *this;
  }
  // Sends the bytes and is gone, before the call takes one of them: it did not read what the call sent.
  RawPeer& say_and_vanish(const std::string& bytes) {
    if (::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("the socket does not take that much");
    vanish();
    return *this;
  }
  // No step may allocate, whatever comes.
  void step() {
    forbid_allocation(true);
    call().step();
    forbid_allocation(false);
  }
  // What the call sent since this was asked last.
  std::string heard() {
    std::string bytes(256 << 10, '\0');
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
    return bytes;
  }

  H2Call& call() noexcept { return *call_; }
  const std::vector<std::string>& messages() const noexcept { return messages_; }
  std::string cause() const { return call_->cause(); }

 private:
  std::string listen_on_unix(int listener) {
    std::string folder = (std::filesystem::temp_directory_path() / "learn-rt-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("cannot make a folder for a socket");
    folder_ = folder;
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    (folder + "/s").copy(name.sun_path, sizeof name.sun_path - 1);
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 || ::listen(listener, 1) != 0)
      throw std::runtime_error("cannot listen on " + folder + "/s");
    return "unix:" + folder + "/s";
  }
  static std::string listen_on_tcp(int listener) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof name;
    if (::bind(listener, reinterpret_cast<const sockaddr*>(&name), size) != 0 || ::listen(listener, 1) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&name), &size) != 0)
      throw std::runtime_error("cannot listen on 127.0.0.1");
    return "127.0.0.1:" + std::to_string(ntohs(name.sin_port));
  }
  void vanish() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void received(const char* bytes, std::size_t size) noexcept override {
    forbid_allocation(false);
    messages_.emplace_back(bytes, size);
    forbid_allocation(true);
  }
  static void forbid_allocation([[maybe_unused]] bool forbidden) noexcept {
#ifdef LEARN_RT_CAGE
    allocation_is_forbidden = forbidden;
#endif
  }

  std::filesystem::path folder_;
  int fd_ = -1;
  std::vector<std::string> messages_;
  std::unique_ptr<H2Call> call_;
};

}  // namespace learn_rt::client
