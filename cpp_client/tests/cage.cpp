#include "cage.h"

#ifdef LEARN_RT_CAGE
namespace learn_rt::client {
thread_local bool allocation_is_forbidden = false;
}  // namespace learn_rt::client

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void __libc_free(void* memory);
extern "C" void* malloc(std::size_t size) noexcept {
  if (learn_rt::client::allocation_is_forbidden) abort();
  return __libc_malloc(size);
}
extern "C" void free(void* memory) noexcept {
  if (learn_rt::client::allocation_is_forbidden) abort();
  __libc_free(memory);
}
#endif
