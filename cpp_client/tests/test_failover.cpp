#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "backoff.h"
#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

struct Failover : testing::Test {
  Failover() { loop.others = {std::make_shared<Script>(), std::make_shared<Script>()}; }
  Script& peer(std::size_t i) { return i == 0 ? *loop.script : *loop.others[i - 1]; }
  Loop loop;
};

TEST_F(Failover, TheFirstAddressThatServesTheModelIsTaken) {
  peer(0).absent = true;
  const auto client = loop.connect();
  EXPECT_EQ(client->endpoint(), "script:1");
  const auto samples = smooth_path(100);
  expect_equal(run_all(*client, samples), reference_answers(samples));
}

TEST_F(Failover, WhereNoneServesItEachCauseIsNamed) {
  for (std::size_t i = 0; i < 3; ++i) peer(i).absent = true;
  EXPECT_EQ(error_of([&] { loop.connect(); }),
            "no address serves it: script:0: UNAVAILABLE: the script is absent; script:1: UNAVAILABLE: the script is "
            "absent; script:2: UNAVAILABLE: the script is absent");
}

TEST_F(Failover, AStreamThatIsRefusedIsTriedElsewhereBeforeConnectGivesUp) {
  peer(0).refusals = 1;
  EXPECT_EQ(loop.connect()->endpoint(), "script:1");
  for (std::size_t i = 0; i < 3; ++i) peer(i).refusals = 1;
  EXPECT_EQ(error_of([&] { loop.connect(); }), "UNAVAILABLE: refused by the script");
}

TEST_F(Failover, TheFirstAnswerFromTheNextAddressIsThatOfAnUnbrokenStream) {
  const auto client = loop.connect();
  const auto samples = smooth_path(3000);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (std::size_t next : {1, 2, 0, 1}) {
    for (std::size_t i = 0; i < 500; ++i, ++k) {
      const Prediction prediction = client->predict(&samples[2 * k], kAmple);
      ASSERT_EQ(prediction.values[0], expected.values[2 * k]) << k;
      ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
      ASSERT_EQ(prediction.flags, expected.flags[k]) << k;
    }
    peer((next + 2) % 3).lose();
    wait_until([&] { return client->last_error().empty() && client->endpoint() == "script:" + std::to_string(next); });
  }
  EXPECT_EQ(client->stats().reconnects, 4U);
  EXPECT_EQ(client->stats().missed, 0U);
}

TEST_F(Failover, AddressesAreTriedInOrderAndThenAgain) {
  const auto client = loop.connect();
  {
    const std::lock_guard lock(peer(1).mutex);
    peer(1).refusals = 2;
  }
  peer(2).absent = true;
  peer(0).lose(1);
  wait_until([&] { return client->last_error().empty(); });
  // 1 and 2 at once; then, after a pause, the round goes on: 0 refuses, 1 refuses, 2, and 0 serves.
  EXPECT_EQ(client->endpoint(), "script:0");
  EXPECT_EQ(peer(0).openings.size(), 3U);
  EXPECT_EQ(peer(1).openings.size(), 2U);
  EXPECT_EQ(peer(2).openings.size(), 2U);
}

TEST(Backoff, PausesDoubleUpToASecondAndAreDrawnFromTheUpperHalf) {
  Backoff backoff(7), same(7), other(8);
  std::int64_t range_ns = 10'000'000;
  bool differs = false;
  for (int i = 0; i < 12; ++i) {
    const auto pause = backoff.next();
    EXPECT_GE(pause, range_ns / 2);
    EXPECT_LE(pause, range_ns);
    EXPECT_EQ(pause, same.next());
    differs |= pause != other.next();
    range_ns = std::min<std::int64_t>(2 * range_ns, 1'000'000'000);
  }
  EXPECT_TRUE(differs);
  backoff.reset();
  EXPECT_LE(backoff.next(), 10'000'000);
}

TEST(StreamLoss, AnAnswerThatComesTwiceIsCountedAndHandedOutOnce) {
  Loop loop;
  loop.script->copies = 2;
  const auto client = loop.connect();
  const auto samples = smooth_path(200);
  expect_equal(run_all(*client, samples), reference_answers(samples));
  const ClientStats stats = client->stats();
  EXPECT_GT(stats.duplicated, 0U);
  EXPECT_EQ(stats.disordered + stats.garbled + stats.reconnects, 0U);
}

TEST(StreamLoss, AnswersThatAreLostOrOvertakenAreCountedAndFetchedAgain) {
  for (const bool lost : {false, true}) {
    Loop loop;
    const auto client = loop.connect();
    const auto samples = smooth_path(50);
    const auto expected = reference_answers(samples);
    loop.script->hold();
    for (std::size_t k = 0; k < 3; ++k) {
      client->try_push(&samples[2 * k]);
      wait_until([&] { return loop.script->n_held() == k + 1; });
    }
    {
      const std::lock_guard lock(loop.script->mutex);
      lost ? loop.script->held.pop_front() : std::swap(loop.script->held[0], loop.script->held[1]);
      loop.script->holding = false;
      loop.script->give();
    }
    Prediction prediction;
    for (std::size_t k = 0; k < 50; ++k) {
      if (k >= 3) client->try_push(&samples[2 * k]);
      wait_until([&] { return client->try_pop(prediction); });
      ASSERT_EQ(prediction.sequence, k);
      ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
    }
    EXPECT_EQ(client->stats().disordered, 1U);
    EXPECT_EQ(client->stats().reconnects, 1U);
  }
}

}  // namespace
}  // namespace learn_rt::client
