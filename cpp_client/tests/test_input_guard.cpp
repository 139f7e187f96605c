#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "checks.h"
#include "input_guard.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// `a` is physical from -2 to 3.
Spec ranged_spec() {
  Spec spec = reference_spec();
  spec.inputs[0].range_valid = {-2.0, 3.0};
  return spec;
}

struct Passed {
  float a, b;
  std::uint32_t flags;
  bool operator==(const Passed& other) const { return a == other.a && b == other.b && flags == other.flags; }
};
void PrintTo(const Passed& p, std::ostream* out) { *out << p.a << " " << p.b << " " << p.flags; }

Passed pass(InputGuard& guard, float a, float b) {
  const float sample[2] = {a, b};
  float out[2];
  const std::uint32_t flags = guard.pass(sample, out);
  return {out[0], out[1], flags};
}

TEST(InputGuard, WithoutAPolicyEverythingPasses) {
  InputGuard guard(ranged_spec(), {}, {});
  EXPECT_EQ(pass(guard, 9.0F, kInf), (Passed{9.0F, kInf, 0}));
}

TEST(InputGuard, EachSignalHasItsOwnPolicyAndTheNamelessOneIsForTheOthers) {
  InputPolicy held, clamped;
  held.not_finite = OnInput::kHold;
  clamped.signal = "a";
  clamped.not_finite = OnInput::kMiss;
  clamped.out_of_range = OnInput::kClamp;
  InputGuard guard(ranged_spec(), {held, clamped}, {});
  EXPECT_EQ(pass(guard, 1.0F, 2.0F), (Passed{1.0F, 2.0F, 0}));
  EXPECT_EQ(pass(guard, 1.5F, kNan), (Passed{1.5F, 2.0F, kReplaced}));
  EXPECT_EQ(pass(guard, kNan, 5.0F), (Passed{1.5F, 5.0F, kReplaced | kUnfit}));
  EXPECT_EQ(pass(guard, 7.0F, 6.0F), (Passed{3.0F, 6.0F, kReplaced}));
  EXPECT_EQ(pass(guard, -kInf, 6.0F), (Passed{3.0F, 6.0F, kReplaced | kUnfit}));
  EXPECT_EQ(pass(guard, -7.0F, 6.0F), (Passed{-2.0F, 6.0F, kReplaced}));
}

TEST(InputGuard, BeforeAnyValueWasFitTheRestSampleOrZeroStandsIn) {
  InputPolicy held;
  held.not_finite = OnInput::kHold;
  InputGuard cold(ranged_spec(), {held}, {});
  EXPECT_EQ(pass(cold, kNan, kNan), (Passed{0.0F, 0.0F, kReplaced}));
  InputGuard rested(ranged_spec(), {held}, {1.0F, 4.0F});
  EXPECT_EQ(pass(rested, kNan, kNan), (Passed{1.0F, 4.0F, kReplaced}));
  Spec spec = ranged_spec();
  spec.inputs[0].range_valid = {5.0, 6.0};
  InputGuard away(spec, {held}, {});
  EXPECT_EQ(pass(away, kNan, 0.0F), (Passed{5.0F, 0.0F, kReplaced}));
}

TEST(InputGuard, AValueThatStoodInForTooLongIsAMiss) {
  InputPolicy held;
  held.not_finite = OnInput::kHold;
  held.hold_s = 0.01;  // 5 ticks
  InputGuard guard(ranged_spec(), {held}, {});
  for (int round = 0; round < 2; ++round) {
    pass(guard, 1.0F, 1.0F);
    for (int k = 0; k < 5; ++k) EXPECT_EQ(pass(guard, kNan, 1.0F).flags, kReplaced) << k;
    EXPECT_EQ(pass(guard, kNan, 1.0F).flags, kReplaced | kUnfit);
  }
}

TEST(InputGuard, ASignalThatDoesNotChangeToTheBitIsStaleAfterItsTime) {
  InputPolicy watched;
  watched.signal = "b";
  watched.stale = OnInput::kMiss;
  watched.stale_s = 0.006;  // 3 ticks
  InputGuard guard(ranged_spec(), {watched}, {});
  pass(guard, 0.0F, 1.0F);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(pass(guard, 0.0F, 1.0F).flags, 0U) << k;
  EXPECT_EQ(pass(guard, 0.0F, 1.0F).flags, kUnfit);
  EXPECT_EQ(pass(guard, 0.0F, std::nextafter(1.0F, 2.0F)).flags, 0U);
  for (int k = 0; k < 3; ++k) EXPECT_EQ(pass(guard, 0.0F, std::nextafter(1.0F, 2.0F)).flags, 0U);
  EXPECT_EQ(pass(guard, 0.0F, std::nextafter(1.0F, 2.0F)).flags, kUnfit);
}

TEST(InputGuard, AClampedValueIsOneThatTheModelTakesWhateverTheScale) {
  for (const double scale : {1.0, -0.1, 1e-3, 3.7e5}) {
    Spec spec = ranged_spec();
    spec.inputs[0].range_valid = {0.1, 0.7};
    spec.inputs[0].scale = {scale};
    spec.inputs[0].offset = {0.3};
    InputPolicy clamped;
    clamped.out_of_range = OnInput::kClamp;
    InputGuard guard(spec, {clamped}, {});
    for (const float wild : {-3e38F, 3e38F}) {
      const double physical = static_cast<double>(pass(guard, wild, 0.0F).a) * scale + 0.3;
      EXPECT_GE(physical, 0.1);
      EXPECT_LE(physical, 0.7);
      EXPECT_NEAR(physical, (wild > 0.0F) == (scale > 0.0) ? 0.7 : 0.1, 1e-2 * std::abs(scale) + 1e-6);
    }
  }
}

TEST(InputGuard, PoliciesThatCannotBeAreRefused) {
  const auto error = [](const InputPolicy& policy) {
    return error_of([&] { InputGuard(ranged_spec(), {policy}, {}); });
  };
  InputPolicy policy;
  policy.signal = "c";
  EXPECT_EQ(error(policy), "inputs, signal c: the model has no such input");
  policy.signal = "a";
  policy.not_finite = OnInput::kClamp;
  EXPECT_NE(error(policy).find("what is no number has no nearest one"), std::string::npos);
  policy.not_finite = OnInput::kPass;
  policy.stale = OnInput::kHold;
  EXPECT_NE(error(policy).find("stale must be pass or miss"), std::string::npos);
  policy.stale = OnInput::kMiss;
  EXPECT_NE(error(policy).find("stale and stale_s go together"), std::string::npos);
  policy.stale_s = 1.0;
  policy.hold_s = kNan;
  EXPECT_NE(error(policy).find("hold_s must be from 0"), std::string::npos);
}

TEST(InputGuard, TheAnswerToAnUnfitSampleIsThePolicysAndTheWindowStaysWhole) {
  Loop loop;
  InputPolicy policy;
  policy.not_finite = OnInput::kMiss;
  loop.options.inputs = {policy};
  const auto client = loop.connect();
  auto samples = smooth_path(60);
  samples[2 * 30] = samples[2 * 29];  // what the model is to see in place of the NaN
  samples[2 * 30 + 1] = samples[2 * 29 + 1];
  const auto expected = reference_answers(samples);
  const float nans[2] = {kNan, kNan};
  Prediction prediction;
  for (std::size_t k = 0; k < 60; ++k) {
    ASSERT_TRUE(client->try_push(k == 30 ? nans : &samples[2 * k]));
    wait_until([&] { return client->try_pop(prediction); });
    ASSERT_EQ(prediction.values[1], expected.values[2 * (k == 30 ? 29 : k) + 1]) << k;
    ASSERT_EQ(prediction.flags & (kByPolicy | kReplaced), k == 30 ? kUnfit | kReplaced : 0U);
  }
  EXPECT_EQ(client->stats().missed, 1U);
  EXPECT_EQ(client->stats().replaced, 1U);
}

}  // namespace
}  // namespace learn_rt::client
