#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "deadline.h"
#include "learn_rt/flags.h"
#include "reference.h"

namespace learn_rt::client {
namespace {

struct Given {
  float values[2];
  std::uint32_t flags = 0;
};

TEST(DeadlinePolicy, PassesTheModelsAnswersToTheBit) {
  DeadlinePolicy policy(reference_spec(), OnMiss::kHold);
  const auto expected = reference_answers(smooth_path(500));
  for (std::size_t k = 0; k < expected.flags.size(); ++k) {
    Given prediction{{expected.values[2 * k], expected.values[2 * k + 1]}};
    policy.answer(prediction.values, prediction.flags);
    ASSERT_EQ(prediction.values[0], expected.values[2 * k]) << k;
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
    ASSERT_EQ(prediction.flags, 0U) << k;
  }
}

TEST(DeadlinePolicy, HoldsTheLastValueOfAnOutputThatStands) {
  DeadlinePolicy policy(reference_spec(), OnMiss::kHold);
  Given missed{{9.0F, 9.0F}};
  policy.miss(missed.values, missed.flags, nullptr);
  EXPECT_EQ(missed.values[0], 0.25F);  // nothing was handed out yet: the nominal values
  EXPECT_EQ(missed.values[1], 0.0F);
  Given answer{{0.25F, 7.0F}};
  policy.answer(answer.values, answer.flags);
  policy.miss(missed.values, missed.flags, nullptr);
  EXPECT_EQ(missed.values[1], 7.0F);
}

TEST(DeadlinePolicy, AnswersZeroOrTheNominalValueGiven) {
  DeadlinePolicy zero(reference_spec(), OnMiss::kZero);
  DeadlinePolicy nominal(reference_spec(), OnMiss::kNominal);
  const float given[2] = {0.26F, -3.0F}, broken[2] = {NAN, INFINITY};
  Given missed{{9.0F, 9.0F}};
  zero.miss(missed.values, missed.flags, given);
  EXPECT_EQ(missed.values[1], 0.0F);
  nominal.miss(missed.values, missed.flags, given);
  EXPECT_EQ(missed.values[0], 0.26F);
  EXPECT_EQ(missed.values[1], -3.0F);
  nominal.miss(missed.values, missed.flags, nullptr);
  EXPECT_EQ(missed.values[1], 0.0F);
  nominal.miss(missed.values, missed.flags, broken);
  EXPECT_TRUE(std::isfinite(missed.values[0]));
  EXPECT_EQ(missed.values[1], 0.0F);
}

// The bounds are checked by themselves, on what was handed out, whatever was asked and missed.
TEST(DeadlinePolicy, KeepsEverySequenceOfAnswersAndMissesInsideTheEnvelope) {
  const Spec spec = reference_spec();
  const Envelope envelope = *spec.outputs[0].envelope;
  for (const OnMiss on_miss : {OnMiss::kHold, OnMiss::kZero, OnMiss::kNominal}) {
    DeadlinePolicy policy(spec, on_miss);
    std::mt19937 random(7);
    std::uniform_real_distribution<float> anywhere(-3.0F, 3.0F);
    double last = 0.25, step = 0.0;
    float wanted = 0.0F;
    for (int k = 0; k < 20'000; ++k) {
      Given prediction{{wanted, 0.0F}};
      if (k % 7 == 0) wanted = anywhere(random);
      if (random() % 3 == 0) {
        const float nominal[2] = {anywhere(random), 0.0F};
        policy.miss(prediction.values, prediction.flags, nominal);
      } else {
        policy.answer(prediction.values, prediction.flags);
      }
      const double value = prediction.values[0], next_step = value - last;
      ASSERT_LE(std::abs(value), envelope.value) << k;
      ASSERT_LE(std::abs(next_step), envelope.rate * spec.dt_s) << k;
      ASSERT_LE(std::abs(next_step - step), envelope.second * spec.dt_s * spec.dt_s) << k;
      last = value;
      step = next_step;
    }
  }
}

// A server's first answer is as little to be trusted as any other.
TEST(DeadlinePolicy, StandsInsideTheEnvelopeWhateverTheServerSays) {
  DeadlinePolicy policy(reference_spec(), OnMiss::kHold);
  const float outside[2] = {5.0F, 0.0F};
  policy.stand_at(outside);
  Given next{{5.0F, 0.0F}};
  policy.answer(next.values, next.flags);
  EXPECT_LE(next.values[0], 1.0F);
  policy.stand_at(outside);
  policy.miss(next.values, next.flags, nullptr);
  EXPECT_LE(next.values[0], 1.0F);
}

TEST(DeadlinePolicy, SaysWhenTheEnvelopeChangedAValue) {
  DeadlinePolicy policy(reference_spec(), OnMiss::kHold);
  Given jump{{1.0F, 1.0F}};
  policy.answer(jump.values, jump.flags);
  EXPECT_EQ(jump.flags, kLimited);
  EXPECT_EQ(jump.values[0], 0.29F);  // from 0.25, one tick at 10,000 mm/s^2
}

}  // namespace
}  // namespace learn_rt::client
