#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

#include "clock.h"
#include "histogram.h"

namespace learn_rt::bench {

// What the machine itself adds: a thread that does nothing but sleep to an absolute schedule and record how late it
// wakes. There is always one to tell of: where it never had its turn, the whole wait for it.
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
    std::int64_t due = start_ns_;
    do {
      due += period_ns_;
      sleep_until(due);
      const std::int64_t late = now_ns() - due;
      lateness_.record(late);
      if (late > period_ns_) ++missed_;
    } while (!stopping_.load(std::memory_order_relaxed));
  }

  const std::int64_t period_ns_, start_ns_ = now_ns();
  Histogram lateness_;
  std::uint64_t missed_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace learn_rt::bench
