#include <gtest/gtest.h>

#include <cstdint>
#include <thread>

#include "ring.h"

namespace learn_rt::client {
namespace {

struct Head {
  std::uint64_t number;
};
using Ring = FrameRing<Head>;

bool push(Ring& ring, std::uint64_t number) {
  const auto frame = ring.try_claim();
  if (!frame) return false;
  frame.head->number = number;
  for (std::size_t i = 0; i < ring.width(); ++i) frame.values[i] = static_cast<float>(number + i);
  EXPECT_EQ(ring.publish(), number);
  return true;
}

TEST(Ring, RoundsItsCapacityUpToAPowerOfTwo) {
  EXPECT_EQ(Ring(1, 1).capacity(), 1U);
  EXPECT_EQ(Ring(5, 1).capacity(), 8U);
  EXPECT_EQ(Ring(1024, 1).capacity(), 1024U);
}

TEST(Ring, GivesBackWhatWasPushedInOrderAroundTheWrap) {
  Ring ring(4, 3);
  std::uint64_t taken = 0;
  for (std::uint64_t number = 0; number < 50; ++number) {
    ASSERT_TRUE(push(ring, number));
    if (number % 3 != 2) continue;
    while (const auto frame = ring.front()) {
      EXPECT_EQ(frame.head->number, taken);
      EXPECT_EQ(frame.values[2], static_cast<float>(taken + 2));
      ring.release(++taken);
    }
  }
  EXPECT_EQ(taken, 48U);
  EXPECT_EQ(ring.size(), 2U);
}

TEST(Ring, RefusesWhenFullAndTakesAgainAfterARelease) {
  Ring ring(2, 1);
  EXPECT_TRUE(push(ring, 0));
  EXPECT_TRUE(push(ring, 1));
  EXPECT_EQ(ring.room(), 0U);
  EXPECT_FALSE(ring.try_claim());
  ring.release(1);
  EXPECT_EQ(ring.room(), 1U);
  EXPECT_TRUE(push(ring, 2));
  EXPECT_FALSE(ring.try_claim());
}

TEST(Ring, KeepsEveryFrameReadableUntilItIsReleased) {
  Ring ring(8, 1);
  for (std::uint64_t number = 0; number < 8; ++number) ASSERT_TRUE(push(ring, number));
  ring.release(3);
  EXPECT_EQ(ring.begin(), 3U);
  EXPECT_EQ(ring.end(), 8U);
  for (std::uint64_t number = 3; number < 8; ++number) EXPECT_EQ(ring.at(number).head->number, number);
}

// Also run under the thread sanitizer.
TEST(Ring, LosesAndTearsNothingBetweenTwoThreads) {
  constexpr std::uint64_t kFrames = 200'000;
  Ring ring(64, 5);
  std::thread producer([&] {
    for (std::uint64_t number = 0; number < kFrames;) {
      const auto frame = ring.try_claim();
      if (!frame) {
        std::this_thread::yield();
        continue;
      }
      frame.head->number = number;
      for (std::size_t i = 0; i < 5; ++i) frame.values[i] = static_cast<float>((number + i) % 1000);
      ring.publish();
      ++number;
    }
  });
  std::uint64_t wrong = 0, largest = 0;
  for (std::uint64_t number = 0; number < kFrames;) {
    const auto frame = ring.front();
    if (!frame) {
      std::this_thread::yield();
      continue;
    }
    wrong += frame.head->number != number;
    for (std::size_t i = 0; i < 5; ++i) wrong += frame.values[i] != static_cast<float>((number + i) % 1000);
    largest = std::max<std::uint64_t>(largest, ring.size());
    ring.release(++number);
  }
  producer.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_LE(largest, ring.capacity());
  EXPECT_EQ(ring.size(), 0U);
}

}  // namespace
}  // namespace learn_rt::client
