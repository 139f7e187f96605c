#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>
#include <vector>

namespace learn_rt {

// Memory from a cache line's beginning on, so that no vector load of it touches two lines.
template <class T>
struct LineAllocator {
  using value_type = T;
  static constexpr std::size_t kLine = 64;

  LineAllocator() = default;
  template <class U>
  explicit LineAllocator(const LineAllocator<U>&) noexcept {}

  T* allocate(std::size_t n) {
    if (n > (~std::size_t{0} - kLine) / sizeof(T)) throw std::bad_alloc();
    void* memory = std::aligned_alloc(kLine, (n * sizeof(T) + kLine - 1) / kLine * kLine);
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) noexcept { std::free(memory); }

  template <class U>
  bool operator==(const LineAllocator<U>&) const noexcept {
    return true;
  }
  template <class U>
  bool operator!=(const LineAllocator<U>&) const noexcept {
    return false;
  }
};

template <class T>
using Lines = std::vector<T, LineAllocator<T>>;

}  // namespace learn_rt
