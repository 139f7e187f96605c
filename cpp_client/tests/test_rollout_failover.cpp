#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "checks.h"
#include "failover_rollout_link.h"
#include "threaded_rollout_client.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

Spec rollout_spec() {
  return Spec::parse(R"({"format": "learn_rt.spec/1", "contract_hash": ")" + std::string(64, 'b') +
                     R"(", "name": "cart",
    "kind": "rollout", "dt_s": 0.01, "window": 3, "horizon": 2,
    "inputs": [{"name": "x", "unit": "m", "feedback_of": "x"}, {"name": "u", "unit": "N"}],
    "outputs": [{"name": "x", "unit": "m"}]})");
}

// A server of rollouts that the test directs: each state is the newest observed one, and the actions' sum so far.
struct Place {
  std::atomic<bool> there{true};
  std::atomic<int> opened{0}, tried{0}, described{0};
  std::mutex mutex;
  std::vector<std::chrono::steady_clock::time_point> tries;
};

class PlaceLink final : public RolloutLink {
 public:
  explicit PlaceLink(std::shared_ptr<Place> place) : place_(std::move(place)) {}

  Spec describe(const std::string&, const RolloutClientOptions&) override {
    ++place_->described;
    expect_there();
    return rollout_spec();
  }
  void open(const std::string&, const std::string&, const RolloutClientOptions&) override {
    ++place_->tried;
    {
      const std::lock_guard lock(place_->mutex);
      place_->tries.push_back(std::chrono::steady_clock::now());
    }
    expect_there();
    ++place_->opened;
    newest_ = 0.0F;
  }
  void exchange(const RolloutRequest& request, RolloutReply& reply) override {
    expect_there();
    if (!request.observed.empty()) newest_ = request.observed.back();
    reply = {};
    reply.sequence = request.sequence;
    reply.flags.resize(request.candidates);
    for (std::size_t i = 0; i < request.candidates; ++i) {
      float state = newest_;
      for (std::size_t k = 0; k < request.horizon; ++k)
        reply.states.push_back(state += request.actions[i * request.horizon + k]);
    }
  }
  void close() noexcept override {}

 private:
  void expect_there() const {
    if (!place_->there) throw std::runtime_error("UNAVAILABLE: nobody is there");
  }
  const std::shared_ptr<Place> place_;
  float newest_ = 0.0F;
};

class RolloutFailover : public ::testing::Test {
 protected:
  std::unique_ptr<RolloutClient> connect(std::size_t n) {
    std::vector<FailoverRolloutLink::Way> ways;
    for (std::size_t i = 0; i < n; ++i) {
      while (places_.size() <= i) places_.push_back(std::make_shared<Place>());
      ways.push_back({"place:" + std::to_string(i), std::make_unique<PlaceLink>(places_[i])});
    }
    return connect_rollout(std::make_unique<FailoverRolloutLink>(std::move(ways)), "cart", options_);
  }
  static RolloutOutcome roll(RolloutClient& client) {
    const float actions[2] = {1.0F, 2.0F};
    float states[2] = {};
    std::uint32_t flags[1] = {};
    const RolloutOutcome outcome = client.rollout(actions, 1, 2, 10s, states, flags);
    if (outcome.answered()) {
      EXPECT_EQ(states[1], 8.0F);  // observed 5
    }
    return outcome;
  }

  RolloutClientOptions options_;
  std::vector<std::shared_ptr<Place>> places_;
};

TEST_F(RolloutFailover, ALostStreamIsTakenUpByTheNextAddressWithinTheSameCall) {
  const auto client = connect(3);
  const float state[1] = {5.0F}, action[1] = {0.0F};
  client->observe(state, action);
  EXPECT_TRUE(roll(*client).answered());
  EXPECT_EQ(client->endpoint(), "place:0");
  for (std::size_t lost = 0; lost < 5; ++lost) {  // in order, and round again
    places_[lost % 3]->there = false;
    EXPECT_TRUE(roll(*client).answered()) << lost;
    EXPECT_EQ(client->endpoint(), "place:" + std::to_string((lost + 1) % 3));
    places_[lost % 3]->there = true;
  }
  EXPECT_EQ(client->stats().missed, 0U);
  EXPECT_EQ(client->stats().reconnects, 5U);
  EXPECT_EQ(client->last_error(), "");
}

TEST_F(RolloutFailover, AnAddressThatIsNotThereAtConnectIsPassedOver) {
  places_.push_back(std::make_shared<Place>());
  places_[0]->there = false;
  EXPECT_EQ(connect(2)->endpoint(), "place:1");
  connect(2);
  places_[1]->there = false;
  EXPECT_EQ(error_of([this] { connect(2); }),
            "no address serves it: place:0: UNAVAILABLE: nobody is there; place:1: UNAVAILABLE: nobody is there");
}

TEST_F(RolloutFailover, AfterARoundInVainThePausesGrow) {
  options_.jitter_seed = 7;
  const auto client = connect(2);
  const float state[1] = {5.0F}, action[1] = {0.0F};
  client->observe(state, action);
  EXPECT_TRUE(roll(*client).answered());
  for (const auto& place : places_) place->there = false;
  const auto begin = std::chrono::steady_clock::now();
  while (places_[1]->tried < 6) {
    EXPECT_EQ(roll(*client).flags & (kLate | kDisconnected), kDisconnected);
    std::this_thread::sleep_for(1ms);
    ASSERT_LT(std::chrono::steady_clock::now() - begin, 60s);
  }
  std::vector<std::chrono::nanoseconds> pauses;
  {
    const std::lock_guard lock(places_[1]->mutex);
    const auto& tries = places_[1]->tries;
    for (std::size_t i = 1; i < tries.size(); ++i) pauses.push_back(tries[i] - tries[i - 1]);
  }
  // Ranges of 10, 20, 40, ... ms, each pause from its upper half: it may come late, never early.
  for (std::size_t i = 0; i < 5; ++i) EXPECT_GE(pauses[i], (5ms * (1 << i))) << i;
  EXPECT_EQ(client->last_error(), "UNAVAILABLE: nobody is there");
  for (const auto& place : places_) place->there = true;
  wait_until([&] { return roll(*client).answered(); });
}

TEST_F(RolloutFailover, AnAddressThatServesNoRolloutsIsNamed) {
  options_.failover = {"shm:printer"};
  const std::string error = error_of([this] { RolloutClient::connect("unix:/nowhere", "cart", options_); });
  EXPECT_NE(error.find("shm:printer: rollouts are not served over shared memory"), std::string::npos) << error;
}

}  // namespace
}  // namespace learn_rt::client
