#include "h2_call.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "learn_rt/doorbell.h"
#include "token.h"

namespace learn_rt::client {
namespace {

constexpr std::size_t kArena = 256 << 10;        // an honest server's session takes 52 KiB, one that floods 76
constexpr std::int32_t kWindow = 1 << 20;        // bytes that the server may send ahead of our taking them
constexpr std::uint32_t kMostHeaders = 8 << 10;  // as gRPC tells its peers
constexpr std::size_t kMostAcks = 100;           // that wait because the server reads nothing
constexpr std::size_t kMostIdleFrames = 10'000;  // a second: a server that sends more of them and no message is broken
constexpr std::size_t kFrame = (16 << 10) + 64;  // bytes: the largest frame that we send, and its head

nghttp2_nv field(std::string_view name, std::string_view value, bool secret = false) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));  // nghttp2 only reads them
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          static_cast<std::uint8_t>(secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE)};
}

std::string_view text(const std::uint8_t* bytes, std::size_t n) { return {reinterpret_cast<const char*>(bytes), n}; }

void expect(int result) {
  if (result < 0) throw std::runtime_error(std::string("HTTP/2: ") + nghttp2_strerror(result));
}

}  // namespace

// What nghttp2 calls. A failure of these ends the session.
struct H2Call::Callbacks {
  static H2Call& call(void* user) { return *static_cast<H2Call*>(user); }

  static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_n,
                    const std::uint8_t* value, std::size_t value_n, std::uint8_t, void* user) noexcept {
    if (frame->hd.stream_id != call(user).stream_) return 0;
    if (call(user).end_.header(text(name, name_n), text(value, value_n))) return 0;
    call(user).end_.note("too many headers");
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }

  static int data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes, std::size_t n,
                  void* user) noexcept {
    call(user).take(bytes, n);
    return call(user).over() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int frame_began(nghttp2_session*, const nghttp2_frame_hd* head, void* user) noexcept {
    H2Call& self = call(user);
    if (head->type == NGHTTP2_SETTINGS) self.end_.spoke();
    // The library takes promises until the server has acknowledged that we want none.
    const bool promise = head->type == NGHTTP2_PUSH_PROMISE;
    if (promise) self.end_.note("a promise, which was declined");
    return promise || self.is_flooded() ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
  }

  static int frame(nghttp2_session*, const nghttp2_frame* frame, void* user) noexcept {
    H2Call& self = call(user);
    const auto type = frame->hd.type;
    if (type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
      self.end_.note(text(frame->goaway.opaque_data, frame->goaway.opaque_data_len));
    const bool last = (type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) && frame->hd.stream_id == self.stream_ &&
                      (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (last) self.end_.stop(H2End::kEnded);
    return 0;
  }

  static int stream_closed(nghttp2_session*, std::int32_t stream, std::uint32_t error, void* user) noexcept {
    if (stream == call(user).stream_) call(user).end_.stop(H2End::kReset, {}, error);
    return 0;
  }

  static int error(nghttp2_session*, int, const char* message, std::size_t n, void* user) noexcept {
    call(user).end_.note({message, n});
    return 0;
  }
};

H2Call::H2Call(const Endpoint& endpoint, Terms terms, Sink& sink)
    : sink_(sink),
      unary_(terms.unary),
      largest_response_(terms.largest_response),
      end_(endpoint.target),
      socket_(endpoint.target, terms.patience),
      arena_(kArena),
      request_(kPrefix + std::max(terms.first.size(), terms.largest_request)),
      response_(terms.unary ? 0 : terms.largest_response) {
  submit(endpoint, terms);
}

void H2Call::submit(const Endpoint& endpoint, const Terms& terms) {
  nghttp2_mem memory{
      &arena_, [](std::size_t size, void* arena) { return static_cast<H2Arena*>(arena)->allocate(size); },
      [](void* block, void* arena) { static_cast<H2Arena*>(arena)->release(block); },
      [](std::size_t n, std::size_t size, void* arena) -> void* {
        if (size != 0 && n > kArena / size) return nullptr;
        void* block = static_cast<H2Arena*>(arena)->allocate(n * size);
        return block == nullptr ? nullptr : std::memset(block, 0, n * size);
      },
      [](void* block, std::size_t size, void* arena) { return static_cast<H2Arena*>(arena)->reallocate(block, size); }};
  nghttp2_session_callbacks* made = nullptr;
  expect(nghttp2_session_callbacks_new(&made));
  const std::unique_ptr<nghttp2_session_callbacks, decltype(&nghttp2_session_callbacks_del)> callbacks(
      made, nghttp2_session_callbacks_del);
  nghttp2_session_callbacks_set_on_header_callback(made, Callbacks::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Callbacks::data);
  nghttp2_session_callbacks_set_on_begin_frame_callback(made, Callbacks::frame_began);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, Callbacks::frame);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, Callbacks::stream_closed);
  nghttp2_session_callbacks_set_error_callback2(made, Callbacks::error);
  nghttp2_option* option = nullptr;
  expect(nghttp2_option_new(&option));
  const std::unique_ptr<nghttp2_option, decltype(&nghttp2_option_del)> options(option, nghttp2_option_del);
  nghttp2_option_set_max_outbound_ack(option, kMostAcks);
  expect(nghttp2_session_client_new3(&session_, made, this, option, &memory));

  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
                                             {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMostHeaders}};
  expect(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)));
  expect(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow));

  const bool local = endpoint.target.compare(0, 5, "unix:") == 0;
  const std::string authority = local ? "localhost" : endpoint.target,
                    authorization = authorization_of(endpoint.security);
  const std::string timeout = std::to_string(terms.timeout.count()) + "m";  // milliseconds
  std::vector<nghttp2_nv> head = {field(":method", "POST"),       field(":scheme", "http"),
                                  field(":path", terms.path),     field(":authority", authority),
                                  field("te", "trailers"),        field("content-type", "application/grpc"),
                                  field("user-agent", "learn-rt")};
  if (terms.timeout.count() > 0) head.push_back(field("grpc-timeout", timeout));
  if (!authorization.empty()) head.push_back(field("authorization", authorization, true));
  std::memcpy(request_.data() + kPrefix, terms.first.data(), terms.first.size());
  nghttp2_data_provider provider{{0}, read_message};
  provider.source.ptr = this;
  stream_ = nghttp2_submit_request(session_, nullptr, head.data(), head.size(), &provider, this);
  expect(stream_);
  request_end_ = kPrefix + terms.first.size();
  const auto size = static_cast<std::uint32_t>(terms.first.size());
  for (std::size_t i = 0; i < 4; ++i) request_[1 + i] = static_cast<char>(size >> (24 - 8 * i));
}

H2Call::~H2Call() {
  if (connected_ && !over() && !mark_.is_forked()) {
    nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream_, NGHTTP2_CANCEL);
    flush();
  }
  nghttp2_session_del(session_);
}

bool H2Call::step() LEARN_RT_REALTIME {
  if (mark_.is_forked()) refuse("this process was forked from the client's: connect anew in it");
  if (over()) return false;
  if (!connected_) {
    const auto link = socket_.connect();
    if (link == H2Socket::Link::kFailed) end_.stop(H2End::kNotConnected, {}, socket_.error());
    if (link != H2Socket::Link::kConnected) return !over();
    connected_ = true;
  }
  receive();
  if (!over()) flush();
  return !over();
}

void H2Call::receive() LEARN_RT_REALTIME {
  const std::ptrdiff_t n = socket_.receive(input_.data(), input_.size());
  if (n < 0 || (n == 0 && broken_by_ != 0))
    return end_.stop(H2End::kBroken, {}, broken_by_ != 0 ? broken_by_ : socket_.error());
  if (n == 0) return;
  const ssize_t taken = nghttp2_session_mem_recv(session_, input_.data(), static_cast<std::size_t>(n));
  if (taken >= 0 || over()) return;
  end_.note(nghttp2_strerror(static_cast<int>(taken)));
  end_.stop(H2End::kProtocol);
}

void H2Call::flush() LEARN_RT_REALTIME {
  if (broken_by_ != 0) return;
  for (;;) {
    while (output_.size() - out_end_ >= kFrame) {
      const std::uint8_t* piece = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &piece);
      if (n == 0) break;
      if (n < 0 || static_cast<std::size_t>(n) > output_.size() - out_end_) {
        end_.note(n < 0 ? nghttp2_strerror(static_cast<int>(n)) : "a frame that is too large");
        return end_.stop(H2End::kProtocol);
      }
      std::memcpy(output_.data() + out_end_, piece, static_cast<std::size_t>(n));
      out_end_ += static_cast<std::size_t>(n);
    }
    if (out_begin_ == out_end_) break;
    const std::ptrdiff_t sent = socket_.send(output_.data() + out_begin_, out_end_ - out_begin_);
    if (sent < 0) {
      broken_by_ = socket_.error();  // the end is when what has come was taken
      out_begin_ = out_end_ = 0;
      return;
    }
    out_begin_ += static_cast<std::size_t>(sent);
    if (out_begin_ != out_end_) return;
    out_begin_ = out_end_ = 0;
  }
  // The library has said goodbye: what came broke the rules.
  if (nghttp2_session_want_read(session_) == 0) end_.stop(H2End::kProtocol);
}

ssize_t H2Call::read_message(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t room, std::uint32_t* flags,
                             nghttp2_data_source* source, void*) noexcept {
  H2Call& self = *static_cast<H2Call*>(source->ptr);
  const std::size_t n = std::min(room, self.request_end_ - self.request_at_);
  if (n == 0 && !self.unary_) return NGHTTP2_ERR_DEFERRED;
  std::memcpy(to, self.request_.data() + self.request_at_, n);
  self.request_at_ += n;
  if (self.unary_ && self.request_at_ == self.request_end_) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(n);
}

char* H2Call::next_message() LEARN_RT_REALTIME {
  const bool can_send = connected_ && broken_by_ == 0 && !over() && !mark_.is_forked();
  return can_send && request_at_ == request_end_ ? request_.data() + kPrefix : nullptr;
}

void H2Call::send(std::size_t size) LEARN_RT_REALTIME {
  request_[0] = 0;  // not compressed
  for (std::size_t i = 0; i < 4; ++i) request_[1 + i] = static_cast<char>(size >> (24 - 8 * i));
  request_at_ = 0;
  request_end_ = kPrefix + size;
  // An error means only that it was not put off: it asks again by itself.
  static_cast<void>(nghttp2_session_resume_data(session_, stream_));
  flush();
}

// Puts messages together, however they were cut into frames.
void H2Call::take(const std::uint8_t* bytes, std::size_t n) LEARN_RT_REALTIME {
  if (!end_.is_grpc()) return;  // somebody's error page
  while (n > 0 && !over()) {
    if (prefix_n_ < kPrefix) {
      prefix_[prefix_n_++] = *bytes++;
      --n;
      if (prefix_n_ == kPrefix && !begin_message()) return;
    } else {
      const std::size_t part = std::min(n, response_size_ - response_at_);
      std::memcpy(response_.data() + response_at_, bytes, part);
      response_at_ += part;
      bytes += part;
      n -= part;
    }
    if (prefix_n_ < kPrefix || response_at_ < response_size_) continue;
    prefix_n_ = 0;
    idle_frames_ = 0;
    sink_.received(response_.data(), response_size_);
  }
}

bool H2Call::begin_message() LEARN_RT_REALTIME {
  response_at_ = 0;
  response_size_ = 0;
  for (std::size_t i = 1; i < kPrefix; ++i) response_size_ = response_size_ << 8 | prefix_[i];
  if (prefix_[0] != 0) {
    refuse("INTERNAL: a compressed message, which nobody asked for");
  } else if (response_size_ > largest_response_) {
    end_.stop(H2End::kTooLarge, {}, static_cast<std::int64_t>(response_size_));
  } else if (response_size_ > response_.size()) {
    try {
      response_.resize(response_size_);  // of a unary call, which is not the control thread's
    } catch (const std::bad_alloc&) {
      refuse("RESOURCE_EXHAUSTED: no memory for the answer");
    }
  }
  return !over();
}

// Frames that carry nothing keep the control thread busy.
bool H2Call::is_flooded() LEARN_RT_REALTIME {
  if (++idle_frames_ <= kMostIdleFrames) return false;
  const auto now = now_ns();
  const bool flooded = now - idle_since_ns_ < 1'000'000'000;
  idle_since_ns_ = now;
  idle_frames_ = 0;
  if (flooded) refuse("RESOURCE_EXHAUSTED: the server floods the connection with frames that carry nothing");
  return flooded;
}

}  // namespace learn_rt::client
