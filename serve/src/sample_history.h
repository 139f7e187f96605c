#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "learn_rt/realtime.h"

namespace learn_rt::serve {

// The last samples of a stream: one thread adds, any thread copies what is still there. Neither waits.
class SampleHistory {
 public:
  // Holds at least `least` samples.
  SampleHistory(std::size_t n_features, std::size_t least) : n_features_(n_features), capacity_(1) {
    while (capacity_ < least) capacity_ *= 2;
    values_ = std::make_unique<std::atomic<float>[]>(capacity_ * n_features_);
  }

  // Answering thread only.
  void push(const float* sample) LEARN_RT_REALTIME {
    const std::uint64_t n = taken_.load(std::memory_order_relaxed);
    std::atomic<float>* const place = values_.get() + (n & (capacity_ - 1)) * n_features_;
    // Released one by one: who sees one of them sees that n samples were taken before.
    for (std::size_t i = 0; i < n_features_; ++i) place[i].store(sample[i], std::memory_order_release);
    taken_.store(n + 1, std::memory_order_release);
  }

  // Samples added so far. Any thread.
  std::uint64_t taken() const LEARN_RT_REALTIME { return taken_.load(std::memory_order_acquire); }
  // Copies sample i, of those that were added. False: another has taken its place. Any thread.
  bool copy(std::uint64_t i, float* sample) const LEARN_RT_REALTIME {
    const std::atomic<float>* const place = values_.get() + (i & (capacity_ - 1)) * n_features_;
    for (std::size_t k = 0; k < n_features_; ++k) sample[k] = place[k].load(std::memory_order_acquire);
    return taken_.load(std::memory_order_relaxed) - i < capacity_;
  }
  std::size_t capacity() const noexcept { return capacity_; }

 private:
  const std::size_t n_features_;
  std::size_t capacity_;  // samples, a power of two
  std::unique_ptr<std::atomic<float>[]> values_;
  alignas(64) std::atomic<std::uint64_t> taken_{0};
};

}  // namespace learn_rt::serve
