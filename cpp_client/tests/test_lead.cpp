// Answers to planned samples, queued by tick.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTicks = 600, kLead = 50;

struct Lead : testing::Test {
  Lead() { loop.options.lead_s = 0.1; }  // 50 ticks of the reference's 2 ms
  std::unique_ptr<Client> filled() {
    auto client = loop.connect();
    for (std::size_t k = 0; k < kLead; ++k) EXPECT_TRUE(client->try_push(&samples[2 * k]));
    return client;
  }
  Loop loop;
  const std::vector<float> samples = smooth_path(kTicks + kLead);
  const Answered expected = reference_answers(samples);
};

TEST_F(Lead, ALeadIsToldInTicks) {
  EXPECT_EQ(loop.connect()->lead_ticks(), kLead);
  loop.options.lead_s = -1.0;
  EXPECT_EQ(error_of([&] { loop.connect(); }), "lead_s must be from 0 to 3600 seconds, got -1.000000");
}

TEST_F(Lead, PredictPushesThePlanAndAnswersForNow) {
  const auto client = filled();
  for (std::size_t k = 0; k < kTicks; ++k) {
    const Prediction prediction = client->predict(&samples[2 * (k + kLead)], kAmple);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags, expected.flags[k]);
    ASSERT_EQ(prediction.values[0], expected.values[2 * k]);
  }
}

TEST_F(Lead, AStallShorterThanTheLeadChangesNoAnswerAndALongerOneIsMissed) {
  const auto client = filled();
  for (std::size_t k = 0; k < kTicks; ++k) {
    if (k == 100 || k == 300) {  // what was pushed up to here is answered before the peer stalls
      wait_until([&] { return loop.script->n_given() == kLead + k; });
      loop.script->hold();
    }
    if (k == 100 + kLead || k == 300 + kLead + 10) loop.script->release();
    const bool stalled = k >= 300 + kLead && k < 300 + kLead + 10;
    const Prediction prediction = client->predict(&samples[2 * (k + kLead)], stalled ? 0ns : kAmple);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags & kByPolicy, stalled ? kLate : 0U) << k;
    if (!stalled) {
      ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
    }
  }
  EXPECT_EQ(client->stats().missed, 10U);
  EXPECT_EQ(client->stats().late, 10U);
}

TEST_F(Lead, ALostStreamIsBackBeforeTheQueueIsEmpty) {
  const auto client = filled();
  for (std::size_t k = 0; k < kTicks; ++k) {
    if (k % 100 == 50) {
      loop.script->lose(1);
    }
    const Prediction prediction = client->predict(&samples[2 * (k + kLead)], kAmple);
    ASSERT_EQ(prediction.flags & kByPolicy, 0U) << k;
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_EQ(client->stats().reconnects, 6U);
}

TEST_F(Lead, APlannerThatPushesInBurstsTakesAnswersByTheirTick) {
  const auto client = loop.connect();
  std::size_t pushed = 0;
  for (std::size_t k = 0; k < kTicks; ++k) {
    if (k + 40 >= pushed) {
      for (std::size_t i = 0; i < 60 && pushed < kTicks; ++i) client->try_push(&samples[2 * pushed++]);
      wait_until([&] { return loop.script->n_given() == pushed; });
    }
    const Prediction& prediction = client->due(k);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags, expected.flags[k]);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
  EXPECT_EQ(client->stats().answered, kTicks);
}

TEST_F(Lead, ATickThatNobodyAskedForIsDroppedAsLate) {
  const auto client = loop.connect();
  for (std::size_t k = 0; k < 20; ++k) client->try_push(&samples[2 * k]);
  wait_until([&] { return loop.script->n_given() == 20; });
  EXPECT_EQ(client->due(10).values[1], expected.values[21]);
  EXPECT_EQ(client->stats().late, 10U);
  EXPECT_EQ(client->due(10).flags & kByPolicy, kLate);    // handed out already
  EXPECT_EQ(client->due(1000).flags & kByPolicy, kLate);  // not even pushed
}

TEST_F(Lead, WhileTheQueueFillsTheOutputStands) {
  const auto client = loop.connect();
  for (std::size_t k = 0; k < kLead; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], 0ns);
    ASSERT_EQ(prediction.flags, kWarmingUp);
    ASSERT_EQ(prediction.values[0], 0.25F);
  }
  EXPECT_EQ(client->stats().missed, 0U);
  EXPECT_EQ(client->predict(&samples[2 * kLead], kAmple).sequence, 0U);
}

TEST_F(Lead, LatestGivesTheAnswerThatIsDue) {
  const auto client = filled();
  EXPECT_EQ(client->latest().values[0], 0.25F);  // nothing is due yet
  wait_until([&] { return loop.script->n_given() == kLead; });
  for (std::size_t k = 0; k < kLead; ++k) {
    client->try_push(&samples[2 * (k + kLead)]);
    const Prediction& prediction = client->latest();
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
}

}  // namespace
}  // namespace learn_rt::client
