#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

// A cage for real-time paths: any system call that is not allowed kills the thread, and any allocation makes one.
// Sanitizers need both.
#if defined(__has_feature)
#define LEARN_RT_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEARN_RT_SANITIZED 1
#else
#define LEARN_RT_SANITIZED 0
#endif
#if !LEARN_RT_SANITIZED
#define LEARN_RT_CAGE 1

namespace learn_rt::client {

// What malloc() and free() of the test program ask (cage.cpp).
extern thread_local bool allocation_is_forbidden;

// The calling thread may do nothing but compute from here on, make these system calls, and exit.
inline void lock_the_cage(const std::vector<unsigned>& allowed = {}) {
  {
    std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    const auto allow = [&](unsigned call) {
      program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
      program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    };
    allow(SYS_exit);
    for (const unsigned call : allowed) allow(call);
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
      abort();
  }
  allocation_is_forbidden = true;
}

// Runs `body` in a cage; false when it was killed. What the C++ library does at the end of a thread would be more than
// computing, so the thread leaves by the one call that it has.
inline bool runs_with_system_calls(const std::vector<unsigned>& allowed, const std::function<void()>& body) {
  std::atomic<bool> done{false};
  std::thread thread([&] {
    lock_the_cage(allowed);
    body();
    done.store(true);
    syscall(SYS_exit, 0);
  });
  thread.join();
  return done;
}
inline bool runs_without_system_calls(const std::function<void()>& body) { return runs_with_system_calls({}, body); }

}  // namespace learn_rt::client
#endif
