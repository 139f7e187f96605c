#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "learn_rt/realtime.h"

namespace learn_rt::bench {

// Counts durations in nanoseconds with HdrHistogram's layout: exact below 2^(kBits + 1), then 2^kBits buckets to each
// power of two, so no value is off by more than 0.1 %. Memory is fixed; the largest value is kept exactly.
class Histogram {
 public:
  static constexpr int kBits = 10;
  static constexpr int kHighestBit = 36;  // 69 s: what is longer counts in the last bucket
  static constexpr std::size_t kBuckets = static_cast<std::size_t>(kHighestBit - kBits + 1) << kBits;

  Histogram() : counts_(kBuckets, 0) {}

  void record(std::int64_t ns) LEARN_RT_REALTIME {
    const std::int64_t value = std::max<std::int64_t>(ns, 0);
    ++counts_[bucket_of(value)];
    ++n_;
    max_ = std::max(max_, value);
  }

  static std::size_t bucket_of(std::int64_t ns) noexcept {
    const auto value = static_cast<std::uint64_t>(std::min<std::int64_t>(ns, (std::int64_t{1} << kHighestBit) - 1));
    if (value >> (kBits + 1) == 0) return static_cast<std::size_t>(value);
    const int shift = 63 - __builtin_clzll(value) - kBits;
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
  }

  const std::vector<std::uint32_t>& counts() const noexcept { return counts_; }
  std::uint64_t n() const noexcept { return n_; }
  std::int64_t max() const noexcept { return max_; }

 private:
  std::vector<std::uint32_t> counts_;
  std::uint64_t n_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace learn_rt::bench
