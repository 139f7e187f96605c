#pragma once

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <string>

namespace learn_rt::bench {

// Pushes everything else out of the caches by reading more than they hold, one byte a line.
class Evictor {
 public:
  // Bytes that a sweep reads: the largest cache and a quarter, for a cache does not replace strictly by age.
  static std::size_t size() {
    std::size_t largest = std::size_t{4} << 20;  // where the system does not tell
    for (int index = 0; index < 8; ++index) {
      // Not sysconf: on a virtual machine that can be the host's whole socket.
      std::ifstream file("/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/size");
      std::size_t kib = 0;
      if (file >> kib) largest = std::max(largest, kib << 10);
    }
    return (largest + largest / 4 + kPage - 1) / kPage * kPage;
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
