#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "server_fixture.h"

namespace learn_rt::serve {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;

TEST_P(ServerTest, AnswersEverySampleOnceAndInOrder) {
  constexpr std::uint64_t kSamples = 2000;
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  std::thread writer([&] {  // never waits for an answer
    for (std::uint64_t i = 0; i < kSamples; ++i) caller.ask(static_cast<float>(i), i);
    caller.stream->WritesDone();
  });
  std::uint64_t i = 0;
  for (; caller.stream->Read(&caller.response); ++i) {
    ASSERT_EQ(caller.response.sequence(), i);
    const float expected = i < 2 ? 0.0F : static_cast<float>(3 * i - 3);  // i-2, i-1 and i
    ASSERT_EQ(caller.response.predictions(0), expected);
  }
  writer.join();
  EXPECT_EQ(i, kSamples);
  EXPECT_TRUE(caller.stream->Finish().ok());
  EXPECT_EQ(served_.model->watched.steps, static_cast<int>(kSamples));
  EXPECT_EQ(served_.model->watched.settles, static_cast<int>(kSamples) + 1);  // the opening too
}

TEST_P(ServerTest, AnswersLongChunksOneAfterAnother) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  v1::PredictRequest request;
  const int chunk = polled() ? 256 : 4096;
  request.mutable_samples()->Resize(chunk * 2, 1.0F);
  for (int i = 0; i < 3; ++i) {
    caller.stream->Write(request);
    ASSERT_TRUE(caller.stream->Read(&caller.response));
    ASSERT_EQ(caller.response.predictions_size(), chunk);
    EXPECT_EQ(caller.response.predictions(chunk - 1), 6.0F);
  }
}

TEST_P(ServerTest, EndsAStreamWithTheCause) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  v1::PredictRequest request;
  request.add_samples(1);
  caller.stream->Write(request);
  EXPECT_FALSE(caller.stream->Read(&caller.response));
  const grpc::Status status = caller.stream->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_NE(status.error_message().find("multiple of 2"), std::string::npos);
  EXPECT_TRUE(soon([&] { return server_->open_streams() == 0 && served_.model->watched.open == 0; }));
}

TEST_P(ServerTest, FreesSessionsOfStreamsThatWereDropped) {
  for (int i = 0; i < 100; ++i) {
    Caller caller(channel());
    ASSERT_TRUE(caller.open());
    if (i % 2 == 0) caller.ask(1, 0);
    caller.context.TryCancel();
    caller.stream->Finish();
  }
  EXPECT_TRUE(soon([&] { return server_->open_streams() == 0 && served_.model->watched.open == 0; }));
}

TEST_P(ServerTest, SurvivesClientsThatCancelAtAnyMoment) {
  constexpr int kClients = 6, kRounds = 40;
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      std::mt19937 random(static_cast<unsigned>(c));
      for (int round = 0; round < kRounds; ++round) {
        Caller caller(channel());
        std::thread killer([&, moment = random() % 2000] {
          std::this_thread::sleep_for(std::chrono::microseconds(moment));  // the moment is what is tested
          caller.context.TryCancel();
        });
        bool alive = caller.open();
        for (std::uint64_t i = 0; alive && i < 50; ++i) {
          alive = caller.ask(1, i) && (i % 3 == 0 || caller.stream->Read(&caller.response));
        }
        killer.join();
        caller.stream->Finish();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_TRUE(soon([&] { return server_->open_streams() == 0 && served_.model->watched.open == 0; }));
  Caller caller(channel());
  EXPECT_TRUE(caller.open());  // and serves on
}

TEST_P(ServerTest, StopsUnderLoadAndTellsEveryStream) {
  constexpr int kClients = 8;
  std::atomic<int> told{0}, running{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&] {
      Caller caller(channel());
      if (!caller.open()) return;
      ++running;
      for (std::uint64_t i = 0; caller.ask(1, i) && caller.stream->Read(&caller.response); ++i) {
        EXPECT_EQ(caller.response.sequence(), i);
      }
      const grpc::Status status = caller.stream->Finish();
      told += status.error_code() == StatusCode::UNAVAILABLE && status.error_message() == "the server is shutting down";
    });
  }
  ASSERT_TRUE(soon([&] { return running == kClients; }));
  server_->stop(0ms);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(told, kClients);
}

TEST_P(ServerTest, DrainsStreamsThatEndByThemselves) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  std::thread stopping([&] { server_->stop(10s); });
  auto health = health::Health::NewStub(listening());
  EXPECT_TRUE(soon([&] {
    grpc::ClientContext context;
    health::HealthCheckResponse state;
    return health->Check(&context, {}, &state).ok() && state.status() == health::HealthCheckResponse::NOT_SERVING;
  }));
  Caller late(channel());
  EXPECT_FALSE(late.open());
  EXPECT_EQ(late.stream->Finish().error_code(), StatusCode::UNAVAILABLE);
  ASSERT_TRUE(caller.ask(1, 5));
  ASSERT_TRUE(caller.stream->Read(&caller.response));  // the open stream is still served
  EXPECT_EQ(caller.response.sequence(), 5U);
  caller.stream->WritesDone();
  EXPECT_FALSE(caller.stream->Read(&caller.response));
  EXPECT_TRUE(caller.stream->Finish().ok());
  stopping.join();
}

TEST_P(ServerTest, RefusesMoreStreamsThanItsLimit) {
  ServerOptions options;
  options.streams.most = 1;
  start(options);
  Caller first(channel());
  ASSERT_TRUE(first.open());
  {
    Caller second(channel());
    EXPECT_FALSE(second.open());
    EXPECT_EQ(second.stream->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
  }
  first.stream->WritesDone();
  EXPECT_TRUE(first.stream->Finish().ok());
  EXPECT_TRUE(soon([&] { return server_->open_streams() == 0; }));
  Caller third(channel());
  EXPECT_TRUE(third.open());
}

TEST_P(ServerTest, HealthIsCheckedListedAndWatched) {
  auto stub = health::Health::NewStub(listening());
  health::HealthCheckRequest request;
  health::HealthCheckResponse state;
  for (const char* name : {"", "learn_rt.v1.Predictor", "inference.GRPCInferenceService"}) {
    grpc::ClientContext context;
    request.set_service(name);
    ASSERT_TRUE(stub->Check(&context, request, &state).ok());
    EXPECT_EQ(state.status(), health::HealthCheckResponse::SERVING);
  }
  grpc::ClientContext unknown, listing, watching, watching_unknown;
  health::HealthListResponse list;
  ASSERT_TRUE(stub->List(&listing, {}, &list).ok());
  EXPECT_EQ(list.statuses_size(), 3);
  request.set_service("nothing");
  EXPECT_EQ(stub->Check(&unknown, request, &state).error_code(), StatusCode::NOT_FOUND);
  auto nothing = stub->Watch(&watching_unknown, request);
  ASSERT_TRUE(nothing->Read(&state));
  EXPECT_EQ(state.status(), health::HealthCheckResponse::SERVICE_UNKNOWN);
  auto watch = stub->Watch(&watching, {});
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_EQ(state.status(), health::HealthCheckResponse::SERVING);
  server_->stop(0ms);
  ASSERT_TRUE(watch->Read(&state));
  EXPECT_EQ(state.status(), health::HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&state));
  EXPECT_EQ(watch->Finish().error_code(), StatusCode::UNAVAILABLE);
  EXPECT_FALSE(nothing->Read(&state));
}

INSTANTIATE_TEST_SUITE_P(Over, ServerTest, ::testing::Values("unix", "grpc", "spin"),
                         [](const auto& over) { return over.param; });

class ListenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char pattern[] = "/tmp/learn-serve-test-XXXXXX";
    folder_ = ::mkdtemp(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<Server> server(const std::string& address) const {
    ServerOptions options;
    options.listen = {address};
    return std::make_unique<Server>(SumRepository().repository, options);
  }
  std::string cause(const std::string& address) const {
    try {
      server(address);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "it listened";
  }

  std::string folder_;
};

TEST_F(ListenTest, AUnixSocketIsItsOwnersAloneAndGoesWithTheServer) {
  const std::string path = folder_ + "/s";
  auto first = server("unix:" + path);
  struct stat found {};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777, 0600U);
  EXPECT_EQ(cause("unix:" + path), "unix:" + path + ": another process listens there");
  first.reset();
  EXPECT_NE(::stat(path.c_str(), &found), 0);
}

TEST_F(ListenTest, AStaleSocketIsReplacedAndAFileIsNot) {
  const std::string path = folder_ + "/s";
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::strcpy(name.sun_path, path.c_str());
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(dead, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ::close(dead);
  EXPECT_EQ(server("unix:" + path)->addresses()[0], "unix:" + path);
  ::close(::creat(path.c_str(), 0600));
  EXPECT_EQ(cause("unix:" + path), "unix:" + path + ": there is a file that is not a socket");
}

TEST_F(ListenTest, ATakenPortIsAnErrorWithItsCause) {
  const auto first = server("grpc://127.0.0.1:0");
  const std::string& taken = first->addresses()[0];
  EXPECT_EQ(cause(taken), "cannot listen on " + taken + ": Address already in use");
  EXPECT_EQ(cause("unix:" + folder_ + "/none/s").find("cannot listen on unix:"), 0U);
}

}  // namespace
}  // namespace learn_rt::serve
