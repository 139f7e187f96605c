#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace learn_rt::bench {

// Pushes everything else out of the caches by reading more than they hold, one byte a line.
class Evictor {
 public:
  // Bytes that a sweep reads: the last cache and a quarter, for a cache does not replace strictly by age.
  static std::size_t size() noexcept {
    const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE), l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const auto last = static_cast<std::size_t>(std::max({l2, l3, 4L << 20}));  // 4 MiB where the system does not tell
    return (last + last / 4 + kPage - 1) / kPage * kPage;
  }

  void sweep() {
    if (!memory_) allocate();
    for (std::size_t i = 0; i < size_; i += kLine) static_cast<void>(*static_cast<volatile char*>(memory_.get() + i));
  }

 private:
  static constexpr std::size_t kLine = 64;
  static constexpr std::size_t kPage = 2 << 20;

  void allocate() {
    size_ = size();
    memory_.reset(static_cast<char*>(std::aligned_alloc(kPage, size_)));
    if (!memory_) throw std::bad_alloc();
    madvise(memory_.get(), size_, MADV_HUGEPAGE);  // a sweep is to take caches, not time; without, it only takes longer
    std::memset(memory_.get(), 1, size_);          // memory never written is one and the same page of zeros
  }

  struct Free {
    void operator()(char* memory) const noexcept { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace learn_rt::bench
