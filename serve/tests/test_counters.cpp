#include <gtest/gtest.h>

#include "counters.h"
#include "learn_rt/flags.h"

namespace learn_rt::serve {
namespace {

using Buckets = StageHistogram::Buckets;
using std::chrono::nanoseconds;

TEST(StageHistogram, EveryDurationIsInABucketThatEndsAtOrAfterIt) {
  for (std::int64_t ns = 0; ns < 100'000; ++ns) {
    const std::size_t bucket = Buckets::bucket_of(ns);
    ASSERT_LE(ns, Buckets::highest_ns(bucket));
    if (bucket > 0) ASSERT_GT(ns, Buckets::highest_ns(bucket - 1));
    ASSERT_LE(Buckets::highest_ns(bucket), ns * 3 / 2);  // two buckets to each power of two
  }
}

TEST(StageHistogram, CountsWhatIsTooLongInTheLastBucketAndWhatIsNegativeAsNothing) {
  StageHistogram stage;
  stage.record(nanoseconds(std::int64_t{1} << 60));
  stage.record(nanoseconds(-5));
  EXPECT_EQ(stage.in_bucket(Buckets::kBuckets - 1), 1U);
  EXPECT_EQ(stage.in_bucket(0), 1U);
  EXPECT_EQ(stage.n(), 2U);
  EXPECT_EQ(stage.sum_ns(), std::uint64_t{1} << 60);
}

TEST(Counters, CountsEachFlagOfEachAnswer) {
  Counters counters;
  const std::uint32_t flags[] = {0, kWarmingUp, kLimited | kOutOfTrainedRange, kLimited, kRefused | kWarmingUp};
  counters.count_flags(flags, 5);
  EXPECT_EQ(counters.flagged[0], 2U);  // warming up
  EXPECT_EQ(counters.flagged[1], 1U);  // out of the trained range
  EXPECT_EQ(counters.flagged[2], 2U);  // limited
  EXPECT_EQ(counters.flagged[3], 1U);  // refused
}

TEST(CodeCounts, CountsACodeThatNobodyKnowsAsUnknown) {
  CodeCounts counts;
  counts.count(static_cast<grpc::StatusCode>(99));
  counts.count(grpc::StatusCode::INTERNAL);
  EXPECT_EQ(counts.of(grpc::StatusCode::UNKNOWN), 1U);
  EXPECT_EQ(counts.total(), 2U);
}

}  // namespace
}  // namespace learn_rt::serve
