#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <thread>
#include <vector>

#include "server_fixture.h"

namespace learn_rt::serve {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;

class SpinTest : public ServerTest {};

TEST_P(SpinTest, DescribesItsModels) {
  const auto stub = v1::Predictor::NewStub(channel());
  v1::DescribeRequest request;
  for (const char* model : {"sum", "nothing", "sum"}) {
    grpc::ClientContext context;
    v1::DescribeResponse response;
    request.set_model(model);
    const grpc::Status status = stub->Describe(&context, request, &response);
    EXPECT_EQ(status.error_code(), request.model() == "sum" ? StatusCode::OK : StatusCode::NOT_FOUND);
    EXPECT_EQ(response.contract_hash(), status.ok() ? "5a5a" : "");
  }
}

TEST_P(SpinTest, RefusesRolloutsAndSaysWhereToAsk) {
  const auto stub = v1::Predictor::NewStub(channel());
  grpc::ClientContext context;
  const grpc::Status status = stub->Rollout(&context)->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::UNIMPLEMENTED);
  EXPECT_NE(status.error_message().find("--listen"), std::string::npos);
}

TEST_P(SpinTest, RefusesChunksThatWouldHoldUpTheOthers) {
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  v1::PredictRequest request;
  request.mutable_samples()->Resize(257 * 2, 1.0F);
  caller.stream->Write(request);
  EXPECT_FALSE(caller.stream->Read(&caller.response));
  EXPECT_EQ(caller.stream->Finish().error_message(), "a request holds at most 256 samples, got 257: split it");
}

TEST_P(SpinTest, AnswersOthersWhileAClientTakesNoAnswers) {
  Caller deaf(channel());
  ASSERT_TRUE(deaf.open());
  std::thread writer([&] {  // until nothing more fits between the two ends
    v1::PredictRequest request;
    request.mutable_samples()->Resize(256 * 2, 1.0F);
    while (deaf.stream->Write(request)) {
    }
  });
  const auto& steps = served_.model->watched.steps;
  // Answers are written one at a time: with none of them taken, the stream comes to a stop once HTTP/2's
  // windows are full.
  for (int before = -1; before != steps; std::this_thread::sleep_for(100ms)) before = steps;
  EXPECT_LT(steps, 4'000'000);  // 16 MB of answers
  Caller caller(channel());
  ASSERT_TRUE(caller.open());
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(caller.ask(1, i));
    ASSERT_TRUE(caller.stream->Read(&caller.response));
    EXPECT_EQ(caller.response.sequence(), i);
  }
  deaf.context.TryCancel();
  writer.join();
  deaf.stream->Finish();
}

TEST_P(SpinTest, AnswersEverySampleThatItTookBeforeItStops) {
  constexpr int kClients = 8;
  std::atomic<int> answers{0}, running{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&] {
      Caller caller(channel());
      if (!caller.open()) return;
      ++running;
      for (std::uint64_t i = 0; caller.ask(1, i) && caller.stream->Read(&caller.response); ++i) ++answers;
      EXPECT_EQ(caller.stream->Finish().error_code(), StatusCode::UNAVAILABLE);
    });
  }
  ASSERT_TRUE(soon([&] { return running == kClients && answers > 100; }));
  server_->stop(0ms);
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answers, served_.model->watched.steps);
}

TEST_P(SpinTest, CountsItsStreamsAmongAll) {
  ServerOptions options;
  options.streams.most = 1;
  start(options);
  Caller polled(channel());
  ASSERT_TRUE(polled.open());
  Caller other(listening());
  EXPECT_FALSE(other.open());
  EXPECT_EQ(other.stream->Finish().error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

INSTANTIATE_TEST_SUITE_P(Over, SpinTest, ::testing::Values("spin"), [](const auto& over) { return over.param; });

std::string refusal(ServerOptions options) {
  options.listen = {"grpc://127.0.0.1:0"};
  try {
    Server(SumRepository().repository, options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "it serves";
}

TEST(SpinRefusals, NeedACpuBesideThatOfTheThread) {
  cpu_set_t before, one;
  CPU_ZERO(&one);
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  int first = 0;
  while (!CPU_ISSET(static_cast<std::size_t>(first), &before)) ++first;
  CPU_SET(static_cast<std::size_t>(first), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  ServerOptions options;
  options.spin = {"grpc://127.0.0.1:0"};
  for (const int cpu : {-1, first}) {
    options.spin_cpu = cpu;
    EXPECT_NE(refusal(options).find("needs a CPU of its own"), std::string::npos) << refusal(options);
  }
  ::sched_setaffinity(0, sizeof before, &before);
  options.spin_cpu = 4000;
  EXPECT_EQ(refusal(options).rfind("--spin-cpu 4000: ", 0), 0U) << refusal(options);
}

TEST(SpinRefusals, SharedMemoryIsNotPolledHere) {
  ServerOptions options;
  options.spin = {"shm:learn-spin-test"};
  EXPECT_NE(refusal(options).find("wait='spin'"), std::string::npos);
}

}  // namespace
}  // namespace learn_rt::serve
