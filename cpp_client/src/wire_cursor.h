#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// Reads protobuf's wire format from untrusted bytes without a throw, which would allocate. After the first thing that
// is wrong nothing more is read and ok() is false.
class WireCursor {
 public:
  enum Type : std::uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  WireCursor(const char* bytes, std::size_t size) LEARN_RT_REALTIME : at_(bytes), end_(bytes + size) {}

  bool ok() const LEARN_RT_REALTIME { return ok_; }
  // Goes to the next field; false at the end.
  bool next() LEARN_RT_REALTIME {
    if (!ok_ || at_ == end_) return false;
    const std::uint64_t tag = varint();
    field_ = tag >> 3;
    type_ = static_cast<Type>(tag & 7);
    if (field_ == 0 || field_ > kHighestField) fail();
    return ok_;
  }
  bool is(std::uint64_t field, Type type) const LEARN_RT_REALTIME { return field_ == field && type_ == type; }
  // What was not read yet.
  const char* at() const LEARN_RT_REALTIME { return at_; }
  std::size_t left() const LEARN_RT_REALTIME { return static_cast<std::size_t>(end_ - at_); }
  bool more() const LEARN_RT_REALTIME { return ok_ && at_ != end_; }

  std::uint64_t varint() LEARN_RT_REALTIME {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail();
    return 0;
  }
  template <typename Fixed>  // 4 or 8 bytes, little-endian as every machine we run on
  Fixed fixed() LEARN_RT_REALTIME {
    Fixed value{};
    if (const char* from = take(sizeof value)) std::memcpy(&value, from, sizeof value);
    return value;
  }
  WireCursor bytes() LEARN_RT_REALTIME {
    const std::uint64_t size = varint();
    const char* from = take(size);
    return {from, from == nullptr ? 0 : static_cast<std::size_t>(size)};
  }
  void skip() LEARN_RT_REALTIME {
    if (type_ == kVarint) {
      varint();
    } else if (type_ == kBytes) {
      bytes();
    } else if (type_ == kFixed64 || type_ == kFixed32) {
      take(type_ == kFixed64 ? 8 : 4);
    } else {  // groups, which proto3 has not
      fail();
    }
  }

 private:
  static constexpr std::uint64_t kHighestField = (1U << 29) - 1;

  void fail() LEARN_RT_REALTIME {
    ok_ = false;
    at_ = end_;
  }
  const char* take(std::uint64_t size) LEARN_RT_REALTIME {
    if (size > static_cast<std::uint64_t>(end_ - at_)) {
      fail();
      return nullptr;
    }
    const char* from = at_;
    at_ += size;
    return from;
  }

  const char *at_, *end_;
  std::uint64_t field_ = 0;
  Type type_ = kVarint;
  bool ok_ = true;
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are copied as they lie on the wire");

}  // namespace learn_rt::client
