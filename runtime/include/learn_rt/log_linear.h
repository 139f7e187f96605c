#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace learn_rt {

// HdrHistogram's layout of buckets for durations in nanoseconds: exact below 2^(kBits + 1), then 2^kBits buckets to
// each power of two, so that a bucket is at most 2^-kBits of its value wide. What is 2^kHighestBit or longer counts in
// the last one.
template <int kBits, int kHighestBit>
struct LogLinear {
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(kHighestBit - kBits + 1) << kBits;

  static std::size_t bucket_of(std::int64_t ns) noexcept {
    const auto value =
        static_cast<std::uint64_t>(std::clamp<std::int64_t>(ns, 0, (std::int64_t{1} << kHighestBit) - 1));
    if (value >> (kBits + 1) == 0) return static_cast<std::size_t>(value);
    const int shift = 63 - __builtin_clzll(value) - kBits;
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
  }

  // The largest duration that counts in a bucket.
  static std::int64_t highest_ns(std::size_t bucket) noexcept {
    const auto row = static_cast<std::int64_t>(bucket >> kBits);
    const int shift = static_cast<int>(std::max<std::int64_t>(row - 1, 0));
    const auto value = static_cast<std::int64_t>(bucket) - (static_cast<std::int64_t>(shift) << kBits);
    return ((value + 1) << shift) - 1;
  }
};

}  // namespace learn_rt
