#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "learn_rt/log_linear.h"
#include "learn_rt/realtime.h"

namespace learn_rt::bench {

// Counts durations in nanoseconds; no value is off by more than 0.1 %. Memory is fixed; the largest value is kept
// exactly. One thread at a time.
class Histogram {
 public:
  using Buckets = LogLinear<10, 36>;  // up to 69 s

  Histogram() : counts_(Buckets::kBuckets, 0) {}

  void record(std::int64_t ns) LEARN_RT_REALTIME {
    const std::int64_t value = std::max<std::int64_t>(ns, 0);
    ++counts_[Buckets::bucket_of(value)];
    ++n_;
    max_ = std::max(max_, value);
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
