// A stream of a stateful model that is lost: the next one goes on from the last state that the server told.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"
#include "state_keeping.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

// The reference as a model that carries its state.
struct StatefulLoop : Loop {
  explicit StatefulLoop(std::size_t forgetting = 0) {
    script->spec.kind = Kind::kStateful;
    script->spec.states = {{"window", {12}, Scope::kStream}};
    script->spec.forgetting = forgetting;
  }
  std::size_t kept() const { return Keeping::of(script->spec, Swap::kPinned).history; }
  bool says(const Client& client, const std::string& words) const {
    return client.last_error().find(words) != std::string::npos;
  }
};

TEST(StreamState, ALostStreamGoesOnFromItsStateAndChangesNoAnswer) {
  StatefulLoop loop;
  loop.options.rest = {0.3F, 1.0F};
  loop.script->lose_every = 7;
  const auto client = loop.connect();
  const auto samples = smooth_path(20'000);
  ASSERT_LT(loop.kept(), 19'000U);  // or the beginning would be replayed
  expect_equal(run_all(*client, samples, 3), reference_answers(samples, loop.options.rest, 3));
  EXPECT_GE(client->stats().reconnects, 10U);
  EXPECT_FALSE(loop.script->opened_so_far().back().state.empty());
  EXPECT_TRUE(loop.script->opened_so_far().back().rest.empty());
  EXPECT_EQ(loop.script->opened_so_far().back().state_every, 64U);
}

TEST(StreamState, AStreamWhoseSamplesAreAllThereBeginsAgain) {
  StatefulLoop loop;
  loop.options.rest = {0.3F, 1.0F};
  loop.script->tells_states = false;
  const auto client = loop.connect();
  const auto samples = smooth_path(2000);
  const auto expected = reference_answers(samples, loop.options.rest);
  for (std::size_t k = 0; k < 2000; ++k) {
    if (k == 1500) loop.script->lose();
    if (k == 1500) wait_until([&] { return client->stats().reconnects == 1; });
    ASSERT_EQ(client->predict(&samples[2 * k], kAmple).values[1], expected.values[2 * k + 1]) << k;
  }
  EXPECT_EQ(loop.script->opened_so_far().back().rest, loop.options.rest);
}

TEST(StreamState, WithoutForgettingAndWithoutAStateItIsNotContinued) {
  StatefulLoop loop;
  loop.script->spec.states.clear();
  const auto client = loop.connect();
  const float sample[2] = {0.1F, 0.2F};
  for (std::size_t k = 0; k <= loop.kept() + 1; ++k) client->predict(sample, kAmple);
  loop.script->lose();
  wait_until([&] {
    return loop.says(*client, "not continued: the model states no forgetting length to replay, and no state");
  });
  EXPECT_EQ(client->predict(sample, 1s).flags & kDisconnected, kDisconnected);
  EXPECT_EQ(loop.script->opened_so_far().size(), 1U);
}

TEST(StreamState, AfterMoreSamplesThanAreKeptItIsNotContinued) {
  StatefulLoop loop;
  loop.script->spec.dt_s = 30.0;
  loop.options.capacity = 16;
  const auto client = loop.connect();
  const auto samples = smooth_path(4000);
  std::size_t k = 0;
  for (; k < 1000; ++k) client->predict(&samples[2 * k], kAmple);
  loop.script->lose(1'000'000);
  for (; k < 1000 + loop.kept() + 100; ++k) {
    client->predict(&samples[2 * k], 0ns);
    std::this_thread::sleep_for(500us);
  }
  wait_until([&] { return loop.says(*client, "more samples came since its last state than are kept"); });
  EXPECT_EQ(client->stats().overruns, 0U);
}

TEST(StreamState, WhereItIsRefusedAForgettingModelReplays) {
  StatefulLoop loop(6);
  const auto client = loop.connect();
  const auto samples = smooth_path(3000);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (; k < 2000; ++k) client->predict(&samples[2 * k], kAmple);
  loop.script->refuse_states();
  loop.script->lose();
  wait_until([&] { return client->stats().reconnects == 1; });
  for (; k < 3000; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]) << k;
  }
  EXPECT_TRUE(loop.script->opened_so_far().back().state.empty());
}

TEST(StreamState, WhereItIsRefusedOneThatNeverForgetsGoesOnElsewhereOnly) {
  StatefulLoop loop;
  loop.options.jitter_seed = 1;
  loop.others = {std::make_shared<Script>()};
  loop.others[0]->refuse_states();
  const auto client = loop.connect();
  const auto samples = smooth_path(1500);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (; k < 1000; ++k) client->predict(&samples[2 * k], kAmple);
  loop.script->lose(2);
  wait_until([&] { return client->stats().reconnects == 1; });
  EXPECT_GE(loop.others[0]->opened_so_far().size(), 1U);
  EXPECT_EQ(client->endpoint(), "script:0");
  for (; k < 1500; ++k) ASSERT_EQ(client->predict(&samples[2 * k], kAmple).values[1], expected.values[2 * k + 1]) << k;
}

TEST(StreamState, AStateThatCannotBeTheModelsIsNotKept) {
  StatefulLoop loop;
  const std::vector<char> large(10'000);
  loop.script->falsify = [&large](Reply& reply) {
    reply.state = large.data();
    reply.state_size = large.size();
  };
  const auto client = loop.connect();
  const auto samples = smooth_path(3000);
  const auto expected = reference_answers(samples);
  for (std::size_t k = 0; k < 3000; ++k) {
    if (k == 2000) loop.script->lose();
    if (k == 2000) wait_until([&] { return client->stats().reconnects == 1; });
    ASSERT_EQ(client->predict(&samples[2 * k], kAmple).values[1], expected.values[2 * k + 1]) << k;
  }
  EXPECT_TRUE(loop.script->opened_so_far().back().state.empty());
}

TEST(StreamState, IsNotAskedForWhereVersionsChange) {
  StatefulLoop loop(6);
  loop.options.swap = Swap::kNow;
  const auto client = loop.connect();
  EXPECT_EQ(loop.script->opened_so_far().back().state_every, 0U);
}

}  // namespace
}  // namespace learn_rt::client
