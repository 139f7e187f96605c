// The functions that the real-time path must not call are replaced by ones that look who calls. Under what_ends() they
// end the thread; elsewhere they are the C library's own.

#include "forbidden.h"

#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace learn_rt::testing {
const bool kCanForbid = false;
std::string what_ends(const std::function<void()>& /*work*/) { return "not under sanitizers"; }
}  // namespace learn_rt::testing

#else

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <exception>

namespace {

thread_local bool watched = false;
thread_local const char* volatile* ended_by = nullptr;

void forbid(const char* what) {
  if (!watched) return;
  *ended_by = what;
  syscall(__NR_exit, 0);  // this thread only, and the one call that the filter lets through
}

// The function that stands behind the replacement.
template <typename Function>
Function* behind(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// NOLINTBEGIN: replacing these is the point
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t n, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);
void __libc_free(void* memory);

void* malloc(std::size_t size) {
  forbid("memory");
  return __libc_malloc(size);
}
void* calloc(std::size_t n, std::size_t size) {
  forbid("memory");
  return __libc_calloc(n, size);
}
void* realloc(void* memory, std::size_t size) {
  forbid("memory");
  return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  forbid("memory");
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) {
  forbid("memory");
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}
void free(void* memory) {
  forbid("memory");
  __libc_free(memory);
}

#define LEARN_RT_FORBIDDEN_LOCK(name, type)              \
  int name(type* lock) {                                 \
    static int (*own)(type*) = nullptr;                  \
    forbid("lock");                                      \
    if (own == nullptr) own = behind<int(type*)>(#name); \
    return own(lock);                                    \
  }
LEARN_RT_FORBIDDEN_LOCK(pthread_mutex_lock, pthread_mutex_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_mutex_trylock, pthread_mutex_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_spin_lock, pthread_spinlock_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_rwlock_rdlock, pthread_rwlock_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_rwlock_wrlock, pthread_rwlock_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_cond_signal, pthread_cond_t)
LEARN_RT_FORBIDDEN_LOCK(pthread_cond_broadcast, pthread_cond_t)

// Making a function's static object, which another thread could be at.
int __cxa_guard_acquire(long long* guard) {
  forbid("lock");
  return behind<int(long long*)>("__cxa_guard_acquire")(guard);
}

void* __cxa_allocate_exception(std::size_t size) noexcept {
  forbid("throw");
  return behind<void*(std::size_t)>("__cxa_allocate_exception")(size);
}
}
// NOLINTEND

namespace learn_rt::testing {
namespace {

bool forbid_system_calls() {
  sock_filter allow_exit[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
  };
  const sock_fprog program{4, allow_exit};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Watch {
  const std::function<void()>* work;
  const char* volatile ended_by = "no filter";
};

void* run_watched(void* argument) {
  Watch& watch = *static_cast<Watch*>(argument);
  if (!forbid_system_calls()) return nullptr;
  watch.ended_by = "system call";  // unless something else is said
  ended_by = &watch.ended_by;
  watched = true;
  (*watch.work)();
  forbid("nothing");  // a thread that returns would give memory back
  return nullptr;
}

}  // namespace

const bool kCanForbid = true;

std::string what_ends(const std::function<void()>& work) {
  Watch watch{&work};
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run_watched, &watch) != 0) return "no thread";
  pthread_join(thread, nullptr);
  return watch.ended_by;
}

}  // namespace learn_rt::testing

#endif
