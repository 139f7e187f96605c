#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <string>
#include <thread>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

class ClientBothWays : public testing::TestWithParam<bool> {
 protected:
  ClientBothWays() { loop_.options.wait = GetParam() ? Wait::kSpin : Wait::kSleep; }
  Loop loop_;
};
INSTANTIATE_TEST_SUITE_P(Wait, ClientBothWays, testing::Values(false, true),
                         [](const auto& wait) { return wait.param ? "Spinning" : "Asleep"; });

TEST_P(ClientBothWays, PredictPassesTheModelsAnswersToTheBit) {
  const auto client = loop_.connect();
  const auto samples = smooth_path(300);
  const auto expected = reference_answers(samples);
  for (std::size_t k = 0; k < 300; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags, expected.flags[k]);
    ASSERT_EQ(prediction.n_outputs, 2U);
    ASSERT_EQ(prediction.values[0], expected.values[2 * k]);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
    ASSERT_GE(prediction.latency_ns, prediction.queue_ns);
  }
  const ClientStats stats = client->stats();
  EXPECT_EQ(stats.pushed, 300U);
  EXPECT_EQ(stats.answered, 300U);
  EXPECT_EQ(stats.missed + stats.late + stats.overruns + stats.reconnects, 0U);
}

TEST_P(ClientBothWays, ARehearsalChangesNothing) {
  loop_.options.inputs = {{"", OnInput::kHold, OnInput::kClamp}};
  const auto client = loop_.connect();
  const auto samples = smooth_path(300);
  const auto expected = reference_answers(samples);
  client->rehearse();  // with nothing to go by yet
  for (std::size_t k = 0; k < 300; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags, expected.flags[k]);
    const float value = prediction.values[1];
    client->rehearse();
    ASSERT_EQ(value, expected.values[2 * k + 1]);
    ASSERT_EQ(prediction.values[1], value);  // stays what was handed out last
  }
  const ClientStats stats = client->stats();
  EXPECT_EQ(stats.pushed, 300U);
  EXPECT_EQ(stats.answered, 300U);
  EXPECT_EQ(stats.missed + stats.late + stats.overruns + stats.reconnects + stats.replaced, 0U);
}

TEST_P(ClientBothWays, EveryPushedSampleIsAnsweredInOrder) {
  const auto client = loop_.connect();
  const auto samples = smooth_path(20'000);
  expect_equal(run_all(*client, samples), reference_answers(samples));
  EXPECT_EQ(client->stats().overruns, 0U);
}

TEST_P(ClientBothWays, FlushAnswersTheLastTicksAsIfTheLastSampleStood) {
  const auto client = loop_.connect();
  EXPECT_FALSE(client->flush());  // nothing stands yet
  const auto samples = smooth_path(100);
  expect_equal(run_all(*client, samples, 3), reference_answers(samples, {}, 3));
}

TEST_P(ClientBothWays, AMissIsAnsweredByPolicyAndItsLateAnswerIsDropped) {
  const auto client = loop_.connect();
  const auto samples = smooth_path(40);
  const auto expected = reference_answers(samples);
  loop_.script->hold();
  for (std::size_t k = 0; k < 5; ++k) {
    const Prediction missed = client->predict(&samples[2 * k], 1ms);
    EXPECT_EQ(missed.sequence, k);
    EXPECT_EQ(missed.flags, kLate);
    EXPECT_EQ(missed.values[0], 0.25F);  // held: the nominal value, where it stands
  }
  loop_.script->release();
  for (std::size_t k = 5; k < 40; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    EXPECT_EQ(prediction.sequence, k);
    EXPECT_EQ(prediction.flags & kLate, 0U);
    EXPECT_EQ(prediction.values[1], expected.values[2 * k + 1]);  // the window has no hole: no sample was lost
  }
  EXPECT_EQ(client->stats().missed, 5U);
  EXPECT_EQ(client->stats().late, 5U);
  EXPECT_EQ(client->stats().answered, 35U);
}

TEST(Client, ADeadlineInThePastIsAMissAndNotAnError) {
  Loop loop;
  loop.script->hold();
  const auto client = loop.connect();
  const float sample[2] = {0.1F, 0.2F};
  EXPECT_EQ(client->predict(sample, 0ns).flags, kLate);
  EXPECT_EQ(client->predict(sample, -1s).flags, kLate);
}

TEST(Client, AnswersZeroOrTheNominalValuesGivenOnAMiss) {
  const float sample[2] = {0.1F, 0.2F}, nominal[2] = {0.25F, 8.0F};
  for (const OnMiss on_miss : {OnMiss::kZero, OnMiss::kNominal}) {
    Loop loop;
    loop.options.on_miss = on_miss;
    const auto client = loop.connect();
    loop.script->hold();
    const Prediction missed = client->predict(sample, 1ms, nominal);
    EXPECT_EQ(missed.values[1], on_miss == OnMiss::kZero ? 0.0F : 8.0F);
    EXPECT_EQ(missed.flags & kLate, kLate);
  }
}

TEST(Client, WaitingSamplesShareAMessageAndASingleOneGoesAlone) {
  Loop loop;
  const auto client = loop.connect();
  const auto samples = smooth_path(1000);
  {
    const std::lock_guard stuck(loop.script->mutex);  // the I/O thread waits in send()
    for (std::size_t k = 0; k < 1000; ++k) ASSERT_TRUE(client->try_push(&samples[2 * k]));
  }
  Prediction prediction;
  for (std::size_t k = 0; k < 1000;) k += client->try_pop(prediction);
  const std::lock_guard lock(loop.script->mutex);
  const auto& sizes = loop.script->chunk_sizes;
  EXPECT_LE(sizes.size(), 10U);
  EXPECT_EQ(*std::max_element(sizes.begin(), sizes.end()), 256U);
}

TEST_P(ClientBothWays, WhatComesWhileSixteenMessagesWaitForTheirAnswersGoesIntoOne) {
  loop_.script->hold();
  const auto client = loop_.connect();
  const auto samples = smooth_path(216);
  for (std::size_t k = 0; k < 16; ++k) {
    ASSERT_TRUE(client->try_push(&samples[2 * k]));
    wait_until([&] { return loop_.script->n_held() == k + 1; });
  }
  for (std::size_t k = 16; k < 216; ++k) ASSERT_TRUE(client->try_push(&samples[2 * k]));
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(loop_.script->n_held(), 16U);
  loop_.script->release();
  const auto expected = reference_answers(samples);
  for (std::size_t k = 0; k < 216;) {
    Prediction prediction;
    if (!client->try_pop(prediction)) continue;
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
    ++k;
  }
  const std::lock_guard lock(loop_.script->mutex);
  EXPECT_EQ(loop_.script->chunk_sizes.size(), 17U);
  EXPECT_EQ(loop_.script->chunk_sizes.back(), 200U);
}

TEST(Client, AFullRingRefusesASampleAndCountsIt) {
  Loop loop;
  loop.options.capacity = 16;
  loop.script->hold();
  const auto client = loop.connect();
  const float sample[2] = {0.1F, 0.2F};
  std::size_t taken = 0;
  while (taken < 10'000 && client->try_push(sample)) ++taken;
  EXPECT_GE(taken, 16U);
  EXPECT_LT(taken, 10'000U);
  EXPECT_EQ(client->stats().overruns, 1U);
  EXPECT_EQ(client->predict(sample, 1ms).flags, kLate);  // no room for it: the policy answers
}

TEST(Client, LatestGivesTheNewestAnswerAndGoesOnByPolicyWithoutOne) {
  Loop loop;
  const auto client = loop.connect();
  const auto samples = smooth_path(20);
  const auto expected = reference_answers(samples);
  for (std::size_t k = 0; k < 20; ++k) client->try_push(&samples[2 * k]);
  const Prediction* newest = nullptr;
  wait_until([&] { return (newest = &client->latest())->sequence == 19 && (newest->flags & kByPolicy) == 0; });
  EXPECT_EQ(newest->values[1], expected.values[39]);
  EXPECT_EQ(client->latest().flags & kLate, 0U);  // no new tick: the same answer
  loop.script->hold();
  client->try_push(&samples[0]);
  EXPECT_EQ(client->latest().flags & kLate, kLate);
  EXPECT_EQ(client->latest().values[1], expected.values[39]);
}

TEST(Client, ARestStartIsExactFromTheFirstAnswerAlsoWhereTheModelRestsElsewhere) {
  Loop loop;
  loop.options.rest = {0.3F, 1.0F};
  const auto client = loop.connect();
  const auto samples = smooth_path(200);
  const auto expected = reference_answers(samples, loop.options.rest);
  EXPECT_NEAR(expected.values[0], 0.9 * std::tanh(0.3), 1e-3);  // not the nominal value
  expect_equal(run_all(*client, samples), expected);
  EXPECT_EQ(client->stats().pushed, 200U);
}

TEST(Client, ConnectSaysWhatIsWrong) {
  const auto expect_error = [&](const std::string& cause, const std::function<void(Loop&)>& spoil) {
    Loop loop;
    spoil(loop);
    const std::string error = error_of([&] { loop.connect(); });
    EXPECT_NE(error.find(cause), std::string::npos) << error;
  };
  expect_error("UNAVAILABLE: refused by the script", [](Loop& l) { l.script->refusals = 1; });
  expect_error("contract must be bbb", [](Loop& l) { l.options.contract_hash = std::string(64, 'b'); });
  expect_error("rest must have 2 values, got 3", [](Loop& l) { l.options.rest = {1, 2, 3}; });
  expect_error("capacity must be 1 to", [](Loop& l) { l.options.capacity = 0; });
  expect_error("connect_timeout must be above 0", [](Loop& l) { l.options.connect_timeout = 0ms; });
  expect_error("this is a rollout", [](Loop& l) { l.script->spec.kind = Kind::kRollout; });
  expect_error("must fit in", [](Loop& l) { l.script->spec.forgetting = std::size_t{1} << 30; });
  expect_error("io_cpu 100000", [](Loop& l) { l.options.io_cpu = 100'000; });
}

TEST(Client, AServerThatNeverAnswersTheOpeningIsGivenUp) {
  Loop loop;
  loop.script->mute = true;
  loop.options.connect_timeout = 50ms;
  EXPECT_EQ(error_of([&] { loop.connect(); }), "the stream did not open within 50 ms");
}

}  // namespace
}  // namespace learn_rt::client
