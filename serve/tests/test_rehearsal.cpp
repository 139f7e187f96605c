#include <gtest/gtest.h>

#include "rehearsal.h"

namespace learn_rt::serve {
namespace {

constexpr std::int64_t kUs = 1000, kPeriod = 2000 * kUs, kGuard = Rehearsal::kGuardNs;

TEST(Rehearsal, IsWantedOnceShortlyBeforeTheNextSampleIsDue) {
  Rehearsal rehearsal(kPeriod);
  EXPECT_FALSE(rehearsal.wanted());  // no sample came yet
  rehearsal.answered(5 * kPeriod, 3 * kUs);
  EXPECT_TRUE(rehearsal.wanted());
  EXPECT_EQ(rehearsal.nearly_due_ns(), 6 * kPeriod - kGuard);
  rehearsal.done();
  EXPECT_FALSE(rehearsal.wanted());
}

TEST(Rehearsal, FollowsAClientThatAsksMoreOftenAndNotOneThatPauses) {
  Rehearsal rehearsal(kPeriod);
  std::int64_t now = kPeriod;
  for (int i = 0; i < 40; ++i) rehearsal.answered(now += kPeriod / 2, 3 * kUs);
  EXPECT_NEAR(static_cast<double>(rehearsal.nearly_due_ns()), static_cast<double>(now + kPeriod / 2 - kGuard), kUs);
  for (int i = 0; i < 40; ++i) rehearsal.answered(now += 100 * kPeriod, 3 * kUs);
  EXPECT_NEAR(static_cast<double>(rehearsal.nearly_due_ns()), static_cast<double>(now + kPeriod - kGuard), kUs);
}

TEST(Rehearsal, IsNotWantedWhereItCouldHoldUpTheSample) {
  Rehearsal slow(kPeriod), fast(2 * kGuard - 1);
  slow.answered(kPeriod, kGuard);
  fast.answered(kPeriod, kUs);
  EXPECT_FALSE(slow.wanted());
  EXPECT_FALSE(fast.wanted());
}

}  // namespace
}  // namespace learn_rt::serve
