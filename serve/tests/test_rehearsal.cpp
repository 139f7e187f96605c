#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "rehearsal.h"

namespace learn_rt::serve {
namespace {

constexpr std::int64_t kUs = 1000, kPeriod = 2000 * kUs, kGuard = Rehearsal::kGuardNs;

TEST(Rehearsal, IsWantedOnceShortlyBeforeTheNextSampleIsDue) {
  Rehearsal rehearsal(kPeriod, false);
  EXPECT_FALSE(rehearsal.wanted(kPeriod));  // no sample came yet
  rehearsal.answered(5 * kPeriod, 3 * kUs);
  const std::int64_t nearly_due = 6 * kPeriod - kGuard;
  EXPECT_EQ(rehearsal.nearly_due_ns(), nearly_due);
  EXPECT_FALSE(rehearsal.wanted(nearly_due - 1));
  EXPECT_TRUE(rehearsal.wanted(nearly_due));
  rehearsal.done(nearly_due);
  EXPECT_FALSE(rehearsal.wanted(6 * kPeriod));
}

TEST(Rehearsal, IsWantedAgainUntilTheSampleComesButNotWhereItWouldHoldThatUp) {
  Rehearsal rehearsal(kPeriod, true);
  rehearsal.answered(5 * kPeriod, 3 * kUs);
  const std::int64_t due = 6 * kPeriod;
  std::vector<std::int64_t> rehearsed;  // before the sample was due
  for (std::int64_t now = due - 2 * kGuard; now < due + 2 * kGuard; now += kUs) {
    if (!rehearsal.wanted(now)) continue;
    rehearsed.push_back(due - now);
    rehearsal.done(now);
  }
  ASSERT_GE(rehearsed.size(), 20U);
  EXPECT_EQ(rehearsed.front(), kGuard - kUs);
  EXPECT_LT(rehearsed.back(), -kGuard / 2);
  for (std::size_t i = 0; i < rehearsed.size(); ++i) {
    EXPECT_GT(std::abs(rehearsed[i]), 2 * 3 * kUs);
    if (i > 0) EXPECT_GE(rehearsed[i - 1] - rehearsed[i], 4 * 3 * kUs);
  }
}

TEST(Rehearsal, FollowsAClientThatAsksMoreOftenAndNotOneThatPauses) {
  Rehearsal rehearsal(kPeriod, false);
  std::int64_t now = kPeriod;
  for (int i = 0; i < 40; ++i) rehearsal.answered(now += kPeriod / 2, 3 * kUs);
  EXPECT_NEAR(static_cast<double>(rehearsal.nearly_due_ns()), static_cast<double>(now + kPeriod / 2 - kGuard), kUs);
  for (int i = 0; i < 40; ++i) rehearsal.answered(now += 100 * kPeriod, 3 * kUs);
  EXPECT_NEAR(static_cast<double>(rehearsal.nearly_due_ns()), static_cast<double>(now + kPeriod - kGuard), kUs);
}

TEST(Rehearsal, IsNotWantedWhereItCouldHoldUpTheSample) {
  for (const bool again : {false, true}) {
    Rehearsal slow(kPeriod, again), fast(2 * kGuard - 1, again);
    slow.answered(kPeriod, kGuard);
    fast.answered(kPeriod, kUs);
    for (std::int64_t now = kPeriod; now < 3 * kPeriod; now += kUs) ASSERT_FALSE(slow.wanted(now) || fast.wanted(now));
  }
}

}  // namespace
}  // namespace learn_rt::serve
