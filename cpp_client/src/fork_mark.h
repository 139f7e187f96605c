#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// Tells a process from its forked children without a system call. Two of them on one connection would break each
// other's.
class ForkMark {
 public:
  ForkMark() : size_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
    void* page = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) throw std::bad_alloc();
    mark_ = static_cast<unsigned char*>(page);
    ::madvise(page, size_, MADV_WIPEONFORK);  // a child finds zeroes
    *mark_ = 1;
  }
  ~ForkMark() { ::munmap(mark_, size_); }
  ForkMark(const ForkMark&) = delete;
  ForkMark& operator=(const ForkMark&) = delete;

  bool is_forked() const LEARN_RT_REALTIME { return *mark_ == 0; }

 private:
  const std::size_t size_;
  unsigned char* mark_;
};

}  // namespace learn_rt::client
