// The control thread's way over a socket, in a cage that lets through what the client says that it does: send, recv,
// ppoll, and the futex where the I/O thread has the stream.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cage.h"
#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "scripted_server.h"

#ifdef LEARN_RT_CAGE
namespace learn_rt::client {
namespace {

const std::vector<unsigned> kSockets = {SYS_sendto, SYS_recvfrom, SYS_ppoll, SYS_futex};

class H2Realtime : public testing::TestWithParam<bool> {
 protected:
  std::unique_ptr<Client> connect() {
    const std::string tcp = "grpc://127.0.0.1:" + std::to_string(server_.port());
    return Client::connect(GetParam() ? folder_.address() : tcp, "reference", ClientOptions());
  }

  SocketFolder folder_;
  ScriptedServer server_{GetParam() ? folder_.address() : "127.0.0.1:0"};
};
INSTANTIATE_TEST_SUITE_P(Over, H2Realtime, testing::Bool(), [](const auto& way) { return way.param ? "Unix" : "Tcp"; });

TEST_P(H2Realtime, AsleepItSendsReceivesAndPollsAndAllocatesNothing) {
  const auto client = connect();
  const auto samples = smooth_path(300);
  const auto expected = reference_answers(samples);
  std::size_t answered = 0, missed = 0;
  EXPECT_TRUE(runs_with_system_calls(kSockets, [&] {
    Prediction prediction;
    for (std::size_t k = 0; k < 300; ++k) {
      if (k % 10 == 9) {
        missed += (client->predict(&samples[2 * k], std::chrono::nanoseconds(0)).flags & kLate) != 0;
      } else {
        prediction = client->predict(&samples[2 * k], std::chrono::seconds(5));
        answered += prediction.values[1] == expected.values[2 * k + 1];
      }
      if (k % 50 == 0) client->latest();
    }
  }));
  EXPECT_EQ(answered, 270U);
  EXPECT_GT(missed, 0U);
}

TEST_P(H2Realtime, WhenTheServerEndsTheStreamItDoesNothingElseEither) {
  server_.end_after = 40;
  const auto client = connect();
  const auto samples = smooth_path(20);
  std::size_t pushed = 0, popped = 0;
  EXPECT_TRUE(runs_with_system_calls(kSockets, [&] {
    const auto limit = std::chrono::steady_clock::now() + kAmple;
    Prediction prediction;
    while (popped < 1000 && std::chrono::steady_clock::now() < limit) {
      if (pushed < popped + 20) pushed += client->try_push(&samples[2 * (pushed % 20)]);
      popped += client->try_pop(prediction);
    }
  }));
  EXPECT_EQ(popped, 1000U);
  EXPECT_GE(client->stats().reconnects, 5U);
}

TEST_P(H2Realtime, StatesAreKeptWithoutMore) {
  std::string json = reference_spec().json;
  json.replace(json.find(R"("window", "dt_s")"), 8,
               R"("stateful", "states": [{"name": "h", "shape": [5000], "scope": "stream"}])");
  json.replace(json.find(R"("window": 6, )"), 13, "");
  server_.describe_json = json;
  const Spec spec = Spec::parse(json);
  server_.falsify = [state = std::string(state_size(spec), 's')](v1::PredictResponse& response) {
    if (response.sequence() % 3 == 0) response.set_state(state);
  };
  server_.end_after = 150;
  std::atomic<std::size_t> restored{0};
  server_.judge = [&](const v1::Open& open) {
    EXPECT_GT(open.state_every(), 64U);  // a large one, more rarely
    restored += open.state().size() == state_size(spec);
    return grpc::Status::OK;
  };
  const auto client = connect();
  const auto samples = smooth_path(300);
  EXPECT_TRUE(runs_with_system_calls(kSockets, [&] {
    for (std::size_t k = 0; k < 300; ++k) client->predict(&samples[2 * k], std::chrono::seconds(5));
  }));
  wait_until([&] { return restored > 0; });
}

TEST_P(H2Realtime, TheServersPingsAreAnsweredWhileTheControlThreadIsElsewhere) {
  const auto client = connect();
  const float sample[2] = {0.1F, 0.2F};
  client->predict(sample, kAmple);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_EQ(client->last_error(), "");
  EXPECT_EQ(client->predict(sample, kAmple).flags & (kLate | kDisconnected), 0U);
  EXPECT_EQ(client->stats().reconnects, 0U);
}

TEST_P(H2Realtime, AWaitEndsWhenTheStreamDoes) {
  server_.end_after = 1;
  const auto client = connect();
  const float sample[2] = {0.1F, 0.2F};
  EXPECT_EQ(client->predict(sample, kAmple).flags & (kLate | kDisconnected), 0U);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(client->predict(sample, kAmple).flags, kDisconnected);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kAmple / 2);
}

}  // namespace
}  // namespace learn_rt::client
#endif
