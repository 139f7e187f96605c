// The real-time paths are run where any system call kills the thread, and any allocation makes one.
#include <gtest/gtest.h>
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
#include <memory>
#include <thread>

#include "checks.h"
#include "learn_rt/client.h"
#include "ring.h"
#include "scripted_transport.h"
#include "stream_client.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LEARN_RT_SANITIZED 1
#endif

#ifndef LEARN_RT_SANITIZED
namespace {
thread_local bool allocation_is_forbidden = false;
}  // namespace

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void __libc_free(void* memory);
extern "C" void* malloc(std::size_t size) noexcept {
  if (allocation_is_forbidden) abort();
  return __libc_malloc(size);
}
extern "C" void free(void* memory) noexcept {
  if (allocation_is_forbidden) abort();
  __libc_free(memory);
}

namespace learn_rt::client {
namespace {

void allow_only_exit() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(program)), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) abort();
}

// Runs `body` on a thread that may do nothing but compute; false when it was killed for more. What the C++ library does
// at the end of a thread would be more, so the thread leaves by the one call that it has.
bool runs_without_system_calls(const std::function<void()>& body) {
  std::atomic<bool> done{false};
  std::thread thread([&] {
    allow_only_exit();
    allocation_is_forbidden = true;
    body();
    done.store(true);
    syscall(SYS_exit, 0);
  });
  thread.join();
  return done;
}

TEST(Realtime, TheCageCatchesASystemCallAndAnAllocation) {
  EXPECT_FALSE(runs_without_system_calls([] { syscall(SYS_getppid); }));
  void* volatile memory = nullptr;  // volatile: or the compiler leaves the allocation out
  EXPECT_FALSE(runs_without_system_calls([&] { memory = std::malloc(1); }));
}

TEST(Realtime, ARingMakesNoSystemCallAndAllocatesNothing) {
  SampleRing ring(8, 3);
  std::uint64_t sum = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    for (std::int64_t k = 0; k < 1000; ++k) {
      while (const auto frame = ring.try_claim()) {
        frame.head->stamp_ns = k;
        frame.values[2] = 1.0F;
        ring.publish();
      }
      static_cast<void>(ring.room());
      while (const auto frame = ring.front()) {
        sum += static_cast<std::uint64_t>(frame.head->stamp_ns) + ring.size();
        ring.release(ring.begin() + 1);
      }
    }
  }));
  EXPECT_EQ(sum, 8U * 999U * 1000U / 2U + 36U * 1000U);
}

TEST(Realtime, ASpinningControlThreadMakesNoSystemCallAndAllocatesNothing) {
  const auto script = std::make_shared<Script>();
  ClientOptions options;
  options.spin = true;
  const auto client = connect(std::make_unique<ScriptedTransport>(script), "reference", options);
  const auto samples = smooth_path(100);
  int answered = 0, missed = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    Prediction prediction;
    for (std::size_t k = 0; k < 100; ++k) {
      prediction = client->predict(&samples[2 * k], std::chrono::seconds(5));
      answered += prediction.flags < kLimited;
      prediction = client->predict(&samples[2 * k], std::chrono::nanoseconds(0));
      missed += prediction.flags >= kLate;
      client->try_push(&samples[2 * k]);
      client->try_pop(prediction);
      client->latest();
    }
    client->flush();
  }));
  EXPECT_GT(answered, 0);
  EXPECT_GT(missed, 0);
}

}  // namespace
}  // namespace learn_rt::client
#endif
