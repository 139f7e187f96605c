#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

#include "learn_rt/realtime.h"

namespace learn_rt {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// CLOCK_MONOTONIC in nanoseconds, read without entering the kernel.
inline std::int64_t now_ns() LEARN_RT_REALTIME {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Tells the other core that this one only waits.
inline void relax() LEARN_RT_REALTIME {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Lets one thread sleep until another has something for it. Ringing enters the kernel only when the other one sleeps.
// `kShared`: the two are threads of different processes, and the bell lies in memory that both map.
template <bool kShared>
class BasicDoorbell {
 public:
  // Any thread, after it has published what the sleeper waits for.
  void ring() LEARN_RT_REALTIME {
    // An exchange, not a store: whichever exchange comes second sees what the first one's thread published before it.
    if (state_.exchange(kAwake, std::memory_order_acq_rel) == kAsleep)
      syscall(SYS_futex, &state_, kWake, 1, nullptr, nullptr, 0);
  }

  // One thread only. Sleeps until ready() or `until_ns`; returns ready().
  template <typename Ready>
  bool wait(Ready&& ready, std::int64_t until_ns) LEARN_RT_REALTIME {
    bool done = ready();
    while (!done && now_ns() < until_ns) {
      state_.exchange(kAsleep, std::memory_order_acq_rel);
      done = ready();
      if (!done) sleep(until_ns);
      state_.store(kAwake, std::memory_order_relaxed);
      done = done || ready();
    }
    return done;
  }

 private:
  enum : std::uint32_t { kAwake, kAsleep };
  static constexpr int kWake = kShared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE;
  static constexpr int kWait = kShared ? FUTEX_WAIT_BITSET : FUTEX_WAIT_BITSET_PRIVATE;

  void sleep(std::int64_t until_ns) LEARN_RT_REALTIME {
    timespec until{static_cast<time_t>(until_ns / 1'000'000'000), static_cast<long>(until_ns % 1'000'000'000)};
    // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC: a late call does not sleep longer.
    syscall(SYS_futex, &state_, kWait, kAsleep, until_ns == kNever ? nullptr : &until, nullptr, FUTEX_BITSET_MATCH_ANY);
  }

  static_assert(sizeof(std::atomic<std::uint32_t>) == 4, "the kernel waits on 32 bits");
  alignas(64) std::atomic<std::uint32_t> state_{kAwake};
};

using Doorbell = BasicDoorbell<false>;
using SharedDoorbell = BasicDoorbell<true>;

}  // namespace learn_rt
