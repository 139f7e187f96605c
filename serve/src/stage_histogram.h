#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>

#include "learn_rt/log_linear.h"
#include "learn_rt/realtime.h"

namespace learn_rt::serve {

// Durations of one stage of serving. Memory is fixed. Any thread records, wait-free, and any thread reads; each count
// is exact, the set of them is not one moment's.
class StageHistogram {
 public:
  using Buckets = LogLinear<1, 34>;  // two to each power of two, up to 17 s

  void record(std::chrono::nanoseconds took) LEARN_RT_REALTIME {
    const std::int64_t ns = took.count() > 0 ? took.count() : 0;
    counts_[Buckets::bucket_of(ns)].fetch_add(1, std::memory_order_relaxed);
    sum_ns_.fetch_add(static_cast<std::uint64_t>(ns), std::memory_order_relaxed);
  }

  std::uint64_t in_bucket(std::size_t bucket) const noexcept { return counts_[bucket].load(std::memory_order_relaxed); }
  std::uint64_t sum_ns() const noexcept { return sum_ns_.load(std::memory_order_relaxed); }
  std::uint64_t n() const noexcept {
    std::uint64_t n = 0;
    for (const auto& count : counts_) n += count.load(std::memory_order_relaxed);
    return n;
  }

 private:
  std::array<std::atomic<std::uint64_t>, Buckets::kBuckets> counts_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

// What a message goes through, as far as the server sees it.
struct Stages {
  StageHistogram receive;  // gRPC: from its bytes being there to a parsed request
  StageHistogram compute;  // from the request to its answer
  StageHistogram settle;   // the work after the answer that the next sample would wait for
  StageHistogram send;     // gRPC: from the answer handed over to its bytes written
};

}  // namespace learn_rt::serve
