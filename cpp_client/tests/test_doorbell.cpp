#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "learn_rt/doorbell.h"

namespace learn_rt::client {
namespace {

TEST(Doorbell, DoesNotSleepWhenThereIsSomething) {
  Doorbell bell;
  EXPECT_TRUE(bell.wait([] { return true; }, 0));
}

TEST(Doorbell, ReturnsAtItsDeadlineWhenNothingComes) {
  Doorbell bell;
  const auto until = now_ns() + 2'000'000;
  EXPECT_FALSE(bell.wait([] { return false; }, until));
  EXPECT_GE(now_ns(), until);
}

TEST(Doorbell, DoesNotWaitForADeadlineThatHasPassed) {
  Doorbell bell;
  EXPECT_FALSE(bell.wait([] { return false; }, now_ns() - 1));
}

// A lost wake-up would hang here. Also run under the thread sanitizer.
TEST(Doorbell, NeverMissesARing) {
  constexpr int kTurns = 20'000;
  Doorbell there, back;
  std::atomic<int> sent{0}, answered{0};
  std::thread other([&] {
    for (int turn = 1; turn <= kTurns; ++turn) {
      there.wait([&] { return sent.load(std::memory_order_acquire) >= turn; }, kNever);
      answered.store(turn, std::memory_order_release);
      back.ring();
    }
  });
  for (int turn = 1; turn <= kTurns; ++turn) {
    sent.store(turn, std::memory_order_release);
    there.ring();
    back.wait([&] { return answered.load(std::memory_order_acquire) >= turn; }, kNever);
  }
  other.join();
  EXPECT_EQ(answered.load(), kTurns);
}

}  // namespace
}  // namespace learn_rt::client
