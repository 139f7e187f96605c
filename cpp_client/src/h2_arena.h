#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// Memory of a fixed size for a library that takes an allocator: blocks of powers of two, each kept for its like when it
// is given back. Only the constructor allocates. One thread.
class H2Arena {
 public:
  explicit H2Arena(std::size_t bytes);

  // Null when nothing is left. Aligned to 16 bytes.
  void* allocate(std::size_t size) LEARN_RT_REALTIME;
  void* reallocate(void* block, std::size_t size) LEARN_RT_REALTIME;
  void release(void* block) LEARN_RT_REALTIME;

 private:
  struct alignas(16) Head {
    std::size_t power;
    Head* next;
  };
  static constexpr std::size_t kLeast = 6, kPowers = 32;  // 64 bytes to 2 GiB, the head included

  const std::size_t bytes_;
  const std::unique_ptr<Head[]> memory_;
  std::size_t used_ = 0;  // in heads
  std::array<Head*, kPowers> free_{};
};

}  // namespace learn_rt::client
