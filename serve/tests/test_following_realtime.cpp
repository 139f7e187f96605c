// A stream that goes on with other versions takes no memory and no lock and makes no system call on the answering
// thread, in every phase of a swap.

#include <gtest/gtest.h>

#include <vector>

#include "followers.h"
#include "forbidden.h"
#include "sum_model.h"

namespace learn_rt::serve {
namespace {

using testing::kCanForbid;
using testing::what_ends;

class FollowingRealTime : public ::testing::TestWithParam<Swap> {
 protected:
  void SetUp() override {
    if (!kCanForbid) GTEST_SKIP() << "not under sanitizers";
    ASSERT_TRUE(served_.repository->find("sum", "", &host_).ok());
    Following how;
    how.swap = GetParam();
    how.crossfade_s = 0.004;
    ASSERT_TRUE(served_.repository->followers().open(host_, how, {}, &session_).ok());
    session_->begin(nullptr);
  }
  // Answers samples that stand still as the serving thread does.
  std::string serve(int samples) {
    return what_ends([&] {
      const float sample[2] = {1.0F, 0.0F};
      float answer = 0.0F;
      for (int i = 0; i < samples; ++i) {
        turned_ += session_->turn();
        session_->step(sample, &answer);
        session_->settle();
      }
    });
  }

  SumRepository served_{Envelope{400.0, 50'000.0, 10'000'000.0}};
  Journal journal_;
  std::shared_ptr<ModelHost> host_;
  std::unique_ptr<FollowingSession> session_;
  int turned_ = 0;
};

TEST_P(FollowingRealTime, IsKeptInEveryPhaseOfASwap) {
  ASSERT_EQ(serve(10), "nothing");
  for (int n = 1; n <= 5; ++n) {
    served_.swap(7 + n, std::make_shared<SumModel>(static_cast<float>(n), Envelope{400.0, 50'000.0, 10'000'000.0}));
    served_.repository->followers().tend(*served_.repository, journal_);
    ASSERT_EQ(serve(20), "nothing");
    EXPECT_EQ(turned_, n);
    EXPECT_EQ(session_->host().version(), 7 + n);
  }
  const std::string begun = what_ends([&] { session_->begin(nullptr); });
  EXPECT_EQ(begun, "nothing");
}

INSTANTIATE_TEST_SUITE_P(Each, FollowingRealTime, ::testing::Values(Swap::kNow, Swap::kAtRest, Swap::kCrossfade));

}  // namespace
}  // namespace learn_rt::serve
