#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace learn_rt::bench {

// Pushes everything else out of the caches by writing more than they hold, one word a line.
class Evictor {
 public:
  static constexpr std::size_t kLine = 64;

  // Bytes that a sweep writes: the last cache and a quarter, for a cache does not replace strictly by age.
  static std::size_t size() noexcept {
    const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE), l3 = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const auto last = static_cast<std::size_t>(std::max({l2, l3, 4L << 20}));  // 4 MiB where the system does not tell
    return last + last / 4;
  }

  void sweep() {
    if (memory_.empty()) memory_.resize(size());
    for (std::size_t i = 0; i < memory_.size(); i += kLine) ++memory_[i];
    asm volatile("" : : "r"(memory_.data()) : "memory");
  }

 private:
  std::vector<unsigned char> memory_;
};

}  // namespace learn_rt::bench
