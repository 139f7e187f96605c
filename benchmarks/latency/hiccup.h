#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "clock.h"
#include "histogram.h"

namespace learn_rt::bench {

// What the machine itself adds: a thread that does nothing but sleep to an absolute schedule and record how late it
// wakes.
class Hiccup {
 public:
  explicit Hiccup(std::int64_t period_ns) : period_ns_(period_ns), thread_([this] { watch(); }) {}
  ~Hiccup() { stop(); }
  Hiccup(const Hiccup&) = delete;
  Hiccup& operator=(const Hiccup&) = delete;

  // Ends the thread; then `lateness` may be read. Owner's thread only.
  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    if (thread_.joinable()) thread_.join();
  }
  const Histogram& lateness() const noexcept { return lateness_; }
  std::uint64_t missed() const noexcept { return missed_; }

 private:
  void watch() noexcept {
    for (std::int64_t due = now_ns() + period_ns_; !stopping_.load(std::memory_order_relaxed); due += period_ns_) {
      sleep_until(due);
      const std::int64_t late = now_ns() - due;
      lateness_.record(late);
      if (late > period_ns_) ++missed_;
    }
  }

  const std::int64_t period_ns_;
  Histogram lateness_;
  std::uint64_t missed_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace learn_rt::bench
