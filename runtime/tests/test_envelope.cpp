#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "learn_rt/envelope.h"

namespace learn_rt {
namespace {

constexpr double kDt = 0.002;
const Envelope kEnvelopes[] = {
    {0.5, 50.0, 20'000.0},  // reaches full speed within a few ticks
    {0.5, 5.0, 200.0},      // stopping from full speed takes a while
    {0.02, 0.5, 40.0},
    {1.0, 1e9, 1.0},                  // the second difference alone binds, and stopping takes hundreds of ticks
    {1e-3, 1e-4, 1.0},                // the rate alone binds
    {1.0, 10.0, 5e-7 / (kDt * kDt)},  // barely above what floats can keep
};

// Asserts the bounds exactly, differences in double.
class Watch {
 public:
  explicit Watch(const Envelope& envelope) : envelope_(envelope) {}
  void see(float y) {
    const double step = static_cast<double>(y) - last_;
    ASSERT_LE(std::abs(static_cast<double>(y)), envelope_.value);
    ASSERT_LE(std::abs(step), envelope_.rate * kDt);
    ASSERT_LE(std::abs(step - step_), envelope_.second * kDt * kDt);
    last_ = y;
    step_ = step;
  }

 private:
  Envelope envelope_;
  double last_ = 0.0, step_ = 0.0;
};

TEST(EnvelopeLimiter, NoRequestsLeadOutOfAnyEnvelopeThatIsAllowed) {
  std::mt19937 random(8);
  const auto power = [&random](double low, double high) {
    return std::pow(10.0, std::uniform_real_distribution<double>(low, high)(random));
  };
  for (int k = 0; k < 3000; ++k) {
    const double value = power(-6, 6), change = EnvelopeLimiter::finest_change(value) * power(0, 9);
    const Envelope envelope{value, value * power(-10, 2) / kDt, change / (kDt * kDt)};
    if (envelope.second * kDt * kDt < EnvelopeLimiter::finest_change(value)) continue;
    EnvelopeLimiter limiter(envelope, kDt);
    Watch watch(envelope);
    for (int i = 0; i < 1000; ++i) {
      const bool far = (i / (1 + k % 97)) % 2 == 0;
      const double wanted = k % 3 == 0   ? (far ? 2.0 : -2.0) * value
                            : k % 3 == 1 ? limiter.last() + (far ? 1 : -1) * change
                                         : std::uniform_real_distribution<double>(-1.01, 1.01)(random) * value;
      watch.see(limiter.next(static_cast<float>(wanted)));
      if (::testing::Test::HasFatalFailure()) {
        FAIL() << value << ' ' << envelope.rate << ' ' << envelope.second << " tick " << i;
      }
    }
  }
}

// As if without bound: what no tick can reach must not turn into numbers that are none.
TEST(EnvelopeLimiter, ABoundBeyondAllNumbersLeavesTheOthersStanding) {
  for (const double dt_s : {0.002, 1.0, 1e3, 1e160}) {
    EnvelopeLimiter limiter({0.5, 1e308, 1e308}, dt_s);
    for (const float wanted : {3.0F, -3.0F, INFINITY, 0.25F}) {
      EXPECT_EQ(limiter.next(wanted), std::clamp(wanted, -0.5F, 0.5F)) << dt_s;
    }
  }
}

TEST(EnvelopeLimiter, StandsInsideWhereverItIsPut) {
  EnvelopeLimiter limiter({0.5, 1.0, 20.0}, kDt);
  for (const double place : {7.0, -7.0, HUGE_VAL}) {
    limiter.reset(place);
    EXPECT_EQ(limiter.last(), std::clamp(place, -0.5, 0.5));
    EXPECT_LE(std::abs(limiter.next(static_cast<float>(place))), 0.5);
  }
}

TEST(EnvelopeLimiter, NoRequestsLeadOut) {
  std::mt19937 random(5);
  for (const Envelope& envelope : kEnvelopes) {
    EnvelopeLimiter limiter(envelope, kDt);
    Watch watch(envelope);
    const auto value = static_cast<float>(envelope.value);
    std::uniform_real_distribution<float> wide(-3.0F * value, 3.0F * value);
    std::uniform_int_distribution<int> length(1, 400), kind(0, 6);
    for (int k = 0; k < 1'000'000;) {
      const int n = length(random), what = kind(random);
      const float goal = wide(random);
      for (int i = 0; i < n; ++i, ++k) {
        float wanted = goal;
        if (what == 1) wanted = wide(random);
        if (what == 2) wanted = i % 2 == 0 ? 1e30F : -1e30F;
        if (what == 3) wanted = goal > 0 ? INFINITY : -INFINITY;
        if (what == 4) wanted = NAN;
        if (what == 5) wanted = goal > 0 ? value : -value;
        if (what == 6) wanted = static_cast<float>(limiter.last() * 1.5);  // pushes outwards from wherever it is
        watch.see(limiter.next(wanted));
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
}

// The hardest sequences that keep to the envelope, made without the limiter: full change, full speed, and stopping in
// time, a thousandth and a float's rounding below each bound.
TEST(EnvelopeLimiter, WhatKeepsToTheEnvelopePassesToTheBit) {
  std::mt19937 random(6);
  std::uniform_int_distribution<int> length(1, 200), choice(-1, 1);
  for (const Envelope& envelope : {kEnvelopes[0], kEnvelopes[1], kEnvelopes[2], kEnvelopes[3]}) {
    EnvelopeLimiter limiter(envelope, kDt);
    const double rounding = EnvelopeLimiter::finest_change(envelope.value);
    const double most = 0.999 * envelope.rate * kDt - rounding;
    const double change = 0.999 * envelope.second * kDt * kDt - rounding;
    double y = 0.0, step = 0.0;
    int push = 1;
    for (int k = 0, until = 0; k < 300'000; ++k) {
      if (k == until) push = choice(random), until = k + length(random);
      const auto stopped_at = [&](double next) {  // by adding up every step of the stop
        double at = y + next;
        for (double s = next; std::abs(s) > change;) s -= std::copysign(change, s), at += s;
        return at;
      };
      double next = std::min(most, std::max(-most, step + push * change));
      if (std::abs(stopped_at(next)) > 0.999 * envelope.value) {
        next = std::abs(step) > change ? step - std::copysign(change, step) : 0.0;
      }
      const auto wanted = static_cast<float>(y + next);
      ASSERT_EQ(limiter.next(wanted), wanted) << "tick " << k;
      step = static_cast<double>(wanted) - y;
      y = wanted;
    }
  }
}

TEST(EnvelopeLimiter, ReachesTheBoundAndStaysThere) {
  for (const Envelope& envelope : kEnvelopes) {
    EnvelopeLimiter limiter(envelope, kDt);
    float y = 0.0F;
    for (int k = 0; k < 200'000; ++k) y = limiter.next(INFINITY);
    EXPECT_NEAR(y, envelope.value, 1e-6 * envelope.value);
  }
}

TEST(EnvelopeLimiter, TakesNoNumberForTheLastValue) {
  EnvelopeLimiter limiter({1.0, 100.0, 1e6}, kDt, 0.25);
  EXPECT_EQ(limiter.next(NAN), 0.25F);
  limiter.reset(-0.5);
  EXPECT_EQ(limiter.next(NAN), -0.5F);
}

}  // namespace
}  // namespace learn_rt
