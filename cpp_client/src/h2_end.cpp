#include "h2_end.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>

#include "status_text.h"

namespace learn_rt::client {
namespace {

// gRPC's codes.
enum : int {
  kCancelled = 1,
  kUnknown = 2,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

// The mappings that gRPC prescribes: of HTTP's status codes, and of HTTP/2's error codes.
int code_of_http(int status) {
  switch (status) {
    case 400:
      return kInternal;
    case 401:
      return kUnauthenticated;
    case 403:
      return kPermissionDenied;
    case 404:
      return kUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kUnavailable;
    default:
      return kUnknown;
  }
}

int code_of_reset(std::int64_t error) {
  switch (error) {
    case NGHTTP2_REFUSED_STREAM:
      return kUnavailable;
    case NGHTTP2_CANCEL:
      return kCancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return kResourceExhausted;
    case NGHTTP2_INADEQUATE_SECURITY:
      return kPermissionDenied;
    default:
      return kInternal;
  }
}

int number_of(std::string_view digits) {
  int number = 0;
  if (digits.empty() || digits.size() > 3) return -1;
  for (const char c : digits) {
    if (c < '0' || c > '9') return -1;
    number = 10 * number + (c - '0');
  }
  return number;
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = static_cast<char>(c | 0x20);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// As gRPC sends a status' message: bytes outside printable ASCII, and '%', are %XX.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex(text[i + 1]) : -1;
    const int low = high >= 0 ? hex(text[i + 2]) : -1;
    plain += low >= 0 ? static_cast<char>(16 * high + low) : text[i];
    if (low >= 0) i += 2;
  }
  return plain;
}

}  // namespace

void H2End::Text::set(std::string_view text) LEARN_RT_REALTIME {
  size = std::min(text.size(), bytes.size());
  std::copy_n(text.begin(), size, bytes.begin());
}

void H2End::stop(Kind kind, std::string_view why, std::int64_t detail) LEARN_RT_REALTIME {
  if (over()) return;
  why_.set(why);
  detail_ = detail;
  kind_.store(kind, std::memory_order_release);
}

void H2End::note(std::string_view text) LEARN_RT_REALTIME {
  if (noted_.size == 0) noted_.set(text);
}

bool H2End::header(std::string_view name, std::string_view value) LEARN_RT_REALTIME {
  header_bytes_ += name.size() + value.size() + 32;  // as HTTP/2 counts them
  if (header_bytes_ > kMostHeaderBytes) return false;
  constexpr std::string_view kGrpc = "application/grpc";
  if (name == ":status") {
    http_status_ = number_of(value);
  } else if (name == "content-type") {
    content_type_is_grpc_ = value.substr(0, kGrpc.size()) == kGrpc;
  } else if (name == "grpc-status") {
    grpc_status_ = number_of(value) < 0 ? kUnknown : number_of(value);
  } else if (name == "grpc-message") {
    message_.set(value);
  }
  return true;
}

bool H2End::ok() const noexcept { return kind_.load(std::memory_order_acquire) == kEnded && grpc_status_ == 0; }

// Of a stream that ended: the server's, or what stands for it.
std::string H2End::status() const {
  if (grpc_status_ >= 0) return with_code(grpc_status_, unescaped(message_.get()));
  if (http_status_ != 0 && http_status_ != 200)
    return with_code(code_of_http(http_status_), "no gRPC server: HTTP status " + std::to_string(http_status_));
  if (!content_type_is_grpc_) return with_code(kUnknown, "no gRPC server: another content-type than application/grpc");
  return with_code(kUnknown, "the stream ended without a status");
}

std::string H2End::cause() const {
  const char* tls = " (it may speak TLS: grpcs://)";
  const std::string noted = noted_.size == 0 ? "" : ": " + noted_.get();
  switch (kind_.load(std::memory_order_acquire)) {
    case kOpen:
      return {};
    case kEnded:
      return ok() ? "the server ended the stream" : status();
    case kReset:
      if (grpc_status_ >= 0 || (http_status_ != 0 && !is_grpc())) return status();
      return with_code(code_of_reset(detail_), std::string("the server reset the stream: ") +
                                                   nghttp2_http2_strerror(static_cast<std::uint32_t>(detail_)) + noted);
    case kNotConnected:
      return with_code(kUnavailable, target_ + ": " + std::strerror(static_cast<int>(detail_)));
    case kBroken: {
      const std::string why =
          detail_ == 0 ? "the server closed the connection" : std::strerror(static_cast<int>(detail_));
      return with_code(kUnavailable, target_ + ": " + why + noted + (spoke_ ? "" : tls));
    }
    case kProtocol:
      if (!spoke_) return with_code(kUnavailable, target_ + ": what answers is no gRPC server" + noted + tls);
      return with_code(kInternal, "the server broke HTTP/2" + noted);
    case kTooLarge:
      return with_code(kResourceExhausted,
                       "a message of " + std::to_string(detail_) + " bytes: more than an answer may have");
    case kRefused:
      return why_.get();
  }
  return {};
}

}  // namespace learn_rt::client
