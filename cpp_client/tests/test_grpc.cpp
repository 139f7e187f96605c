#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "checks.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "scripted_server.h"
#include "transport.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

struct Way {
  const char* name;
  bool unix_socket, spin;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class Grpc : public testing::TestWithParam<Way> {
 protected:
  Grpc() : server_(GetParam().unix_socket ? folder_.address() : "127.0.0.1:0") {
    options_.wait = GetParam().spin ? Wait::kSpin : Wait::kSleep;
  }

  std::string address() const {
    return GetParam().unix_socket ? folder_.address() : "grpc://127.0.0.1:" + std::to_string(server_.port());
  }
  std::unique_ptr<Client> connect(const std::string& model = "reference") {
    return Client::connect(address(), model, options_);
  }

  SocketFolder folder_;
  ScriptedServer server_;
  ClientOptions options_;
};
INSTANTIATE_TEST_SUITE_P(Over, Grpc,
                         testing::Values(Way{"UnixAsleep", true, false}, Way{"UnixSpinning", true, true},
                                         Way{"TcpAsleep", false, false}, Way{"TcpSpinning", false, true}),
                         [](const auto& way) { return way.param.name; });

TEST_P(Grpc, AnswersAreThoseOfTheModelToTheBit) {
  options_.rest = {0.3F, 1.0F};
  const auto client = connect();
  const auto samples = smooth_path(200);
  const auto expected = reference_answers(samples, options_.rest);
  for (std::size_t k = 0; k < 200; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.sequence, k);
    ASSERT_EQ(prediction.flags, expected.flags[k]);
    ASSERT_EQ(prediction.values[0], expected.values[2 * k]);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
  EXPECT_EQ(client->spec_json(), reference_spec().json);
}

TEST_P(Grpc, ALongRunIsAnsweredWholeAndInOrder) {
  const auto client = connect();
  const auto samples = smooth_path(50'000);
  expect_equal(run_all(*client, samples, 3), reference_answers(samples, {}, 3));
}

TEST_P(Grpc, AStreamThatTheServerEndsIsTakenUpAgainWithoutAGap) {
  server_.end_after = 9;
  const auto client = connect();
  const auto samples = smooth_path(20'000);
  expect_equal(run_all(*client, samples, 3), reference_answers(samples, {}, 3));
  EXPECT_GE(client->stats().reconnects, 2U);
}

TEST_P(Grpc, AServerThatWasRestartedIsFoundAgain) {
  const auto client = connect();
  const auto samples = smooth_path(2000);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  for (; k < 100; ++k) client->predict(&samples[2 * k], kAmple);
  server_.stop();
  wait_until([&] { return !client->last_error().empty(); });
  EXPECT_EQ(client->predict(&samples[2 * k++], kAmple).flags & (kLate | kDisconnected), kDisconnected);
  server_.start(GetParam().unix_socket ? folder_.address() : "127.0.0.1:" + std::to_string(server_.port()));
  wait_until([&] { return client->last_error().empty(); });
  for (; k < 200; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
  }
}

TEST_P(Grpc, ASlowServerMissesTheDeadlineAndLosesNothing) {
  const auto client = connect();
  const auto samples = smooth_path(30);
  const auto expected = reference_answers(samples);
  server_.delay_us = 20'000;
  EXPECT_EQ(client->predict(&samples[0], 1ms).flags & kLate, kLate);
  server_.delay_us = 0;
  for (std::size_t k = 1; k < 30; ++k)
    ASSERT_EQ(client->predict(&samples[2 * k], kAmple).values[1], expected.values[2 * k + 1]);
  EXPECT_EQ(client->stats().late, 1U);
}

TEST_P(Grpc, ConnectGivesTheServersStatusAndCause) {
  EXPECT_EQ(error_of([&] { connect("nothing"); }), address() + ", model 'nothing': NOT_FOUND: no model 'nothing'");
  server_.judge = [](const v1::Open& open) {
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "contract is not " + open.contract_hash());
  };
  EXPECT_EQ(error_of([&] { connect(); }),
            address() + ", model 'reference': FAILED_PRECONDITION: contract is not " + kHash);
}

// What the server was opened with, once it was opened so often.
class Openings {
 public:
  explicit Openings(ScriptedServer& server) {
    server.judge = [this](const v1::Open& open) {
      const std::lock_guard lock(mutex_);
      all_.push_back(open);
      return next_;
    };
  }
  v1::Open at(std::size_t i) {
    wait_until([&] { return count() > i; });
    const std::lock_guard lock(mutex_);
    return all_.at(i);
  }
  void refuse_with(const grpc::Status& status) {
    const std::lock_guard lock(mutex_);
    next_ = status;
  }

 private:
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  std::mutex mutex_;
  std::vector<v1::Open> all_;
  grpc::Status next_;
};

TEST_P(Grpc, TheSwapThatWasAskedForIsInEveryOpening) {
  Openings openings(server_);
  const auto samples = smooth_path(40);
  std::size_t i = 0;
  for (const auto& [swap, wire] : {std::pair{Swap::kNow, v1::SWAP_NOW}, std::pair{Swap::kAtRest, v1::SWAP_AT_REST},
                                   std::pair{Swap::kCrossfade, v1::SWAP_CROSSFADE}}) {
    options_.swap = swap;
    options_.crossfade_s = 0.25;
    server_.end_after = 20;
    const auto client = connect();
    for (std::size_t k = 0; k < 20; ++k) client->predict(&samples[2 * k], kAmple);
    client->predict(&samples[2 * 20], 1ms);  // ends the stream
    const v1::Open first = openings.at(i++), second = openings.at(i++);
    for (const v1::Open& open : {first, second}) {
      EXPECT_EQ(open.swap(), wire);
      EXPECT_EQ(open.crossfade_s(), swap == Swap::kCrossfade ? 0.25F : 0.0F);
      EXPECT_EQ(open.version(), "stable");
    }
    EXPECT_EQ(first.swap_after(), 2U);
    EXPECT_GE(second.swap_after(), 22U);  // the replay, and two
  }
}

TEST_P(Grpc, AnAnswerTellsTheVersionThatGaveItFromTheResponseThatNamesIt) {
  const auto samples = smooth_path(10);
  server_.falsify = [](v1::PredictResponse& response) {
    if (response.sequence() == 5) response.mutable_opened()->set_version(2);
  };
  const auto client = connect();
  EXPECT_EQ(client->latest().version, 0);
  for (std::size_t k = 0; k < 10; ++k) EXPECT_EQ(client->predict(&samples[2 * k], kAmple).version, k < 5 ? 1 : 2);
  server_.delay_us = 50'000;
  const Prediction late = client->predict(&samples[0], 1ms);
  EXPECT_EQ(late.flags & kLate, kLate);
  EXPECT_EQ(late.version, 0);  // the policy's
}

TEST_P(Grpc, APinnedStreamIsTakenUpWithItsVersionOrSaysWhyNot) {
  Openings openings(server_);
  server_.end_after = 3;
  const auto client = connect();
  const auto samples = smooth_path(5);
  for (std::size_t k = 0; k < 3; ++k) client->predict(&samples[2 * k], kAmple);
  openings.refuse_with({grpc::StatusCode::NOT_FOUND, "model 'reference' has no version '1'"});
  client->predict(&samples[6], 1ms);
  EXPECT_EQ(openings.at(0).version(), "stable");
  EXPECT_EQ(openings.at(1).version(), "1");
  wait_until([&] { return client->last_error().find("NOT_FOUND: model 'reference' has no version '1'; ") == 0; });
  EXPECT_NE(client->last_error().find("pinned to version 1, with which it began"), std::string::npos);
  server_.end_after = -1;
  openings.refuse_with(grpc::Status::OK);
  wait_until([&] { return client->last_error().empty(); });
  EXPECT_EQ(client->predict(&samples[8], kAmple).version, 1);
}

TEST_P(Grpc, ASpecThatIsNoneOrNotTheStatedContractIsRefused) {
  server_.describe_hash = std::string(64, 'c');
  EXPECT_NE(error_of([&] { connect(); }).find("the server broke the protocol: contract ccc"), std::string::npos);
  server_.describe_json = "{}";
  EXPECT_NE(error_of([&] { connect(); }).find("spec.json: "), std::string::npos);
  server_.describe_json = std::string(5 << 20, 'x');  // larger than a message may be
  EXPECT_NE(error_of([&] { connect(); }).find("RESOURCE_EXHAUSTED"), std::string::npos);
}

TEST_P(Grpc, AFirstMessageThatDoesNotOpenIsRefused) {
  server_.skip_opened = true;
  EXPECT_NE(error_of([&] { connect(); }).find("the server broke the protocol: its first message does not open"),
            std::string::npos);
}

TEST_P(Grpc, GarbageEndsTheStreamAndIsNeverHandedOut) {
  const std::function<void(v1::PredictResponse&)> lies[] = {
      [](v1::PredictResponse& r) { r.set_sequence(r.sequence() + 1); },
      [](v1::PredictResponse& r) { r.mutable_predictions()->Resize(1'000'000, 9.0F); },
      [](v1::PredictResponse& r) { r.mutable_predictions()->Resize(2'000'000, 9.0F); },  // larger than a message may be
      [](v1::PredictResponse& r) { r.set_predictions(0, std::numeric_limits<float>::infinity()); },
      [](v1::PredictResponse& r) { r.Clear(); },
  };
  const float sample[2] = {0.1F, 0.2F};
  for (const auto& lie : lies) {
    server_.falsify = lie;
    const auto client = connect();
    const Prediction prediction = client->predict(sample, kAmple);
    EXPECT_EQ(prediction.flags, kDisconnected);
    EXPECT_EQ(prediction.values[0], 0.25F);
    EXPECT_FALSE(client->last_error().empty());
  }
}

TEST(GrpcAddress, WhereNobodyListensIsAnErrorWithTheCause) {
  ClientOptions options;
  for (const std::string address : {"unix:/nonexistent/learn.sock", "grpc://127.0.0.1:1"}) {
    const std::string error = error_of([&] { Client::connect(address, "reference", options); });
    EXPECT_EQ(error.find(address + ", model 'reference': UNAVAILABLE: "), 0U) << error;
  }
}

TEST(GrpcAddress, SecurityGoesToTheAddressesThatCanHaveIt) {
  ClientSecurity security;
  security.token = "secret";
  EXPECT_NE(make_transports({"shm:here", "unix:/tmp/there"}, Wait::kSleep, security), nullptr);
  EXPECT_NE(error_of([&] { make_transports({"shm:here"}, Wait::kSleep, security); }).find("not for shm:"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              make_transports({"unix:/tmp/x", "grpc://1.2.3.4:5"}, Wait::kSleep, security);
            }).find("grpc://1.2.3.4:5: grpc:// would show the token"),
            std::string::npos);
}

}  // namespace
}  // namespace learn_rt::client
