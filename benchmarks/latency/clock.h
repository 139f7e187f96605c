#pragma once

#include <time.h>

#include <cerrno>
#include <cstdint>

#include "learn_rt/realtime.h"

namespace learn_rt::bench {

inline constexpr std::int64_t kSecond = 1'000'000'000;

// CLOCK_MONOTONIC in nanoseconds; through the vDSO, so no system call.
inline std::int64_t now_ns() LEARN_RT_REALTIME {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

// Sleeps until an absolute time. The time it wakes late is the machine's.
inline void sleep_until(std::int64_t ns) noexcept {
  const timespec t{ns / kSecond, ns % kSecond};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {
  }
}

// Reads the clock until an absolute time: the thread keeps its core, and the core its caches and its frequency.
inline void spin_until(std::int64_t ns) LEARN_RT_REALTIME {
  while (now_ns() < ns) {
  }
}

}  // namespace learn_rt::bench
