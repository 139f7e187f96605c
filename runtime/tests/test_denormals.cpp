// A signal that dies away passes through the numbers below 1.2e-38, for which many processors take a hundred cycles
// each. Here they cost nothing anywhere. This is the one timing among the tests, a ratio of two sessions that take
// turns; on a processor that is quick with such numbers (Zen 4 is) it holds by itself, and the zeros tell that they are
// left out.

#include <gtest/gtest.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "denormals.h"
#include "small_kinds.h"
#include "small_model.h"

namespace learn_rt {
namespace {

constexpr std::size_t kFeatures = 3, kOutputs = 2;

std::int64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

// A session, what it is fed with, and how long its answers took, settling included.
class Arm {
 public:
  Arm(const Model& model, double keeps) : session_(model.open()), keeps_(keeps) { session_->begin(nullptr); }

  void run(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      const float x = static_cast<float>(value_);
      const float sample[kFeatures] = {x, 0.5F * x, -0.1F * x};
      float answer[kOutputs];
      const std::int64_t start = now_ns();
      session_->step(sample, answer);
      session_->settle();
      took_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(now_ns() - start, UINT32_MAX)));
      value_ *= keeps_;
    }
  }

  double p99_ns() {
    const auto at = took_.begin() + static_cast<std::ptrdiff_t>(took_.size() * 99 / 100);
    std::nth_element(took_.begin(), at, took_.end());
    return *at;
  }

 private:
  std::unique_ptr<Session> session_;
  double value_ = 1.0, keeps_;
  std::vector<std::uint32_t> took_;
};

// The decaying arm's p99 over the steady one's: 1,000,000 samples, below 1.2e-38 from the 870,000th on.
double slowdown(const Model& model) {
  Arm steady(model, 1.0), decaying(model, 1.0 - 1e-4);
  for (int block = 0; block < 1000; ++block) {
    decaying.run(1000);
    steady.run(250);
  }
  return decaying.p99_ns() / steady.p99_ns();
}

TEST(Denormals, AnInputThatDecaysToZeroForAMillionStepsHoldsItsP99) {
  const testing::SmallModel lanes;
  EXPECT_LT(slowdown(*testing::pure_product()), 2.0);
  EXPECT_LT(slowdown(*testing::leaking_state()), 2.0);
  EXPECT_LT(slowdown(*lanes.load()), 2.0);
}

TEST(Denormals, AnswersOfThemAreZeroAndOfTheSmallestFullNumberAreNot) {
  const auto session = testing::pure_product()->open();
  const float smallest = 1.5e-38F, denormal = 1e-40F;
  const float full[kFeatures] = {1e3F * smallest, 0.0F, 0.0F}, tiny[kFeatures] = {denormal, denormal, denormal};
  float answer[kOutputs];
  session->step(full, answer);
  EXPECT_GT(answer[0], 0.0F);
  session->step(tiny, answer);
  EXPECT_EQ(answer[0], 0.0F);
}

TEST(Denormals, TheCallersOwnArithmeticKeepsThem) {
  const auto session = testing::pure_product()->open();
  const float sample[kFeatures] = {1.0F, 1.0F, 1.0F};
  float answer[kOutputs];
  session->step(sample, answer);
  session->settle();
  volatile float tiny = 1e-30F;
  tiny = tiny * 1e-10F;
  EXPECT_GT(tiny, 0.0F);
  {
    const DenormalsAreZero guard;
    const DenormalsAreZero again;
    volatile float flushed = 1e-30F;
    flushed = flushed * 1e-10F;
    EXPECT_EQ(flushed, 0.0F);
  }
  tiny = 1e-30F;
  tiny = tiny * 1e-10F;
  EXPECT_GT(tiny, 0.0F);
}

}  // namespace
}  // namespace learn_rt
