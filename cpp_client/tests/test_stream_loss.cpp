#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <thread>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

TEST(StreamLoss, ALostStreamLosesNoAnswerAndChangesNone) {
  for (const std::vector<float>& rest : {std::vector<float>{}, std::vector<float>{0.3F, 1.0F}}) {
    Loop loop;
    loop.options.rest = rest;
    loop.script->lose_every = 7;
    const auto client = loop.connect();
    const auto samples = smooth_path(20'000);
    expect_equal(run_all(*client, samples, 3), reference_answers(samples, rest, 3));
    EXPECT_GE(client->stats().reconnects, 10U);
    EXPECT_TRUE(loop.script->openings.back().rest.empty());  // the replay does not reach back to the start
  }
}

TEST(StreamLoss, WithoutAStreamThePolicyAnswersAtOnceAndTheWindowIsWholeAfterwards) {
  Loop loop;
  const auto client = loop.connect();
  const auto samples = smooth_path(3000);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (; k < 500; ++k) client->predict(&samples[2 * k], kAmple);
  loop.script->lose(2);
  const float before = client->latest().values[1];
  const Prediction missed = client->predict(&samples[2 * k++], kAmple);
  EXPECT_EQ(missed.flags & ~static_cast<std::uint32_t>(kLimited), kDisconnected);
  EXPECT_EQ(missed.values[1], before);
  EXPECT_NE(client->last_error().find("UNAVAILABLE"), std::string::npos);
  // At 1 kHz, until the stream is back and has caught up.
  for (std::uint32_t flags = kDisconnected; flags & (kDisconnected | kLate); ++k) {
    ASSERT_LT(k, 2900U);
    std::this_thread::sleep_for(1ms);
    const Prediction prediction = client->predict(&samples[2 * k], 1ms);
    flags = prediction.flags;
  }
  for (; k < 3000; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.flags & (kLate | kDisconnected | kWarmingUp), 0U);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
  }
  EXPECT_EQ(client->last_error(), "");
  EXPECT_EQ(client->stats().reconnects, 1U);
}

TEST(StreamLoss, ALongOutageDoesNotFillTheRing) {
  Loop loop;
  loop.options.capacity = 64;
  const auto client = loop.connect();
  const auto samples = smooth_path(1000);
  loop.script->lose(1'000'000);
  for (std::size_t k = 0; k < 1000; ++k) {
    client->predict(&samples[2 * k], 0ns);
    std::this_thread::sleep_for(500us);
  }
  EXPECT_EQ(client->stats().overruns, 0U);
}

struct Lie {
  const char* name;
  const char* complaint;
  std::function<void(Reply&)> tell;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
class AgainstALyingServer : public testing::TestWithParam<Lie> {};

const float kNans[2] = {0.1F, std::numeric_limits<float>::quiet_NaN()};
const std::uint32_t kManyFlags[2] = {0, 0};

INSTANTIATE_TEST_SUITE_P(StreamLoss, AgainstALyingServer,
                         testing::Values(Lie{"AnotherSequence", "an answer to sample 17, expected 3",
                                             [](Reply& r) { r.sequence = 17; }},
                                         Lie{"AnotherStamp", "another sample's stamp", [](Reply& r) { ++r.stamp_ns; }},
                                         Lie{"TooManyValues", "4 values and 1 flags for 1 samples of 2 outputs",
                                             [](Reply& r) { r.n_predictions = 4; }},
                                         Lie{"NoValues", "0 values", [](Reply& r) { r.n_predictions = 0; }},
                                         Lie{"TooManyFlags", "2 flags",
                                             [](Reply& r) {
                                               r.flags = kManyFlags;
                                               r.n_flags = 2;
                                             }},
                                         Lie{"NotFinite", "not finite", [](Reply& r) { r.predictions = kNans; }}),
                         [](const auto& lie) { return lie.param.name; });

TEST_P(AgainstALyingServer, TheStreamIsDroppedAndNothingOfTheLieIsHandedOut) {
  Loop loop;
  const auto client = loop.connect();
  const auto samples = smooth_path(100);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (; k < 3; ++k) client->predict(&samples[2 * k], kAmple);
  {
    const std::lock_guard lock(loop.script->mutex);
    loop.script->falsify = GetParam().tell;
    loop.script->refusals = 1'000'000;
  }
  const Prediction missed = client->predict(&samples[2 * k++], kAmple);
  EXPECT_EQ(missed.flags & ~static_cast<std::uint32_t>(kLimited), kDisconnected);
  EXPECT_EQ(missed.values[1], expected.values[5]);  // held
  const std::string error = client->last_error();
  if (error.find("refused by the script") == std::string::npos) {
    EXPECT_NE(error.find("the server broke the protocol: "), std::string::npos) << error;
    EXPECT_NE(error.find(GetParam().complaint), std::string::npos) << error;
  }
  {
    const std::lock_guard lock(loop.script->mutex);
    loop.script->falsify = nullptr;
    loop.script->refusals = 0;
  }
  wait_until([&] { return client->last_error().empty(); });
  for (; k < 100; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
}

TEST(StreamLoss, FlagsThatAreTheClientsOwnAreNotTakenFromAServer) {
  static const std::uint32_t everything = ~0U;
  Loop loop;
  loop.script->falsify = [](Reply& reply) { reply.flags = &everything; };
  const auto client = loop.connect();
  const float sample[2] = {0.1F, 0.2F};
  EXPECT_EQ(client->predict(sample, kAmple).flags & (kLate | kDisconnected), 0U);
}

TEST(StreamLoss, AStreamThatStandsStillIsReplaced) {
  Loop loop;
  loop.options.connect_timeout = 100ms;
  const auto client = loop.connect();
  const auto samples = smooth_path(50);
  loop.script->hold();  // and the answers kept back go with the stream
  for (std::size_t k = 0; k < 50; ++k) ASSERT_TRUE(client->try_push(&samples[2 * k]));
  wait_until([&] { return client->last_error() == "no answer to sample 0 within 100 ms"; });
  {
    const std::lock_guard lock(loop.script->mutex);
    loop.script->holding = false;
  }
  const auto expected = reference_answers(samples);
  for (std::size_t k = 0; k < 50; ++k) {
    Prediction prediction;
    wait_until([&] { return client->try_pop(prediction); });
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
}

}  // namespace
}  // namespace learn_rt::client
