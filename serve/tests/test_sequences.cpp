#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sequences.h"
#include "sum_model.h"

namespace learn_rt::serve {
namespace {

using namespace std::chrono_literals;
using grpc::StatusCode;

inference::ModelInferRequest sample(float value, const std::string& version = "") {
  inference::ModelInferRequest request;
  request.set_model_name("sum");
  request.set_model_version(version);
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("FP32");
  for (const std::int64_t size : {1, 2}) input->add_shape(size);
  input->mutable_contents()->add_fp32_contents(value);
  input->mutable_contents()->add_fp32_contents(0);
  return request;
}

class SequencesTest : public ::testing::Test {
 protected:
  grpc::Status ask(Sequences& sequences, float value, SequenceRef ref, const std::string& version = "") {
    std::shared_ptr<Sequence> answered;
    response_.Clear();
    const grpc::Status status =
        sequences.answer(*served_.repository, sample(value, version), ref, &response_, &answered);
    if (status.ok()) answered->settle();
    return status;
  }
  float answer() const { return response_.outputs(0).contents().fp32_contents(0); }

  SumRepository served_;
  inference::ModelInferResponse response_;
};

TEST_F(SequencesTest, IdleOnesMakeRoomAndBusyOnesDoNot) {
  Sequences sequences(2, 30ms);
  ASSERT_TRUE(ask(sequences, 1, {"i:1", true}).ok());
  ASSERT_TRUE(ask(sequences, 1, {"i:2", true}).ok());
  EXPECT_EQ(ask(sequences, 1, {"i:3", true}).error_code(), StatusCode::RESOURCE_EXHAUSTED);
  std::this_thread::sleep_for(40ms);  // being idle is what is tested
  ASSERT_TRUE(ask(sequences, 1, {"i:2"}).ok());
  ASSERT_TRUE(ask(sequences, 1, {"i:3", true}).ok());
  EXPECT_EQ(ask(sequences, 1, {"i:1"}).error_code(), StatusCode::INVALID_ARGUMENT);  // dropped
  EXPECT_TRUE(ask(sequences, 1, {"i:2"}).ok());
  EXPECT_EQ(sequences.open(), 2U);
  EXPECT_EQ(served_.model->watched.open, 2);
}

TEST_F(SequencesTest, AStartTakesTheVersionThatIsServedNowAndOthersKeepTheirs) {
  Sequences sequences(8, 0ms);
  ASSERT_TRUE(ask(sequences, 1, {"s:a", true}).ok());
  ASSERT_TRUE(ask(sequences, 1, {"s:b", true}).ok());
  const auto newer = std::make_shared<SumModel>();
  served_.repository->serve("sum", {{8, std::make_shared<ModelHost>("sum", 8, newer)}}, 8);
  ASSERT_TRUE(ask(sequences, 2, {"s:a"}).ok());
  EXPECT_EQ(response_.model_version(), "7");
  ASSERT_TRUE(ask(sequences, 2, {"s:b", true}, "stable").ok());  // as good as none
  EXPECT_EQ(response_.model_version(), "8");
  ASSERT_TRUE(ask(sequences, 3, {"s:a", false, true}).ok());
  EXPECT_EQ(answer(), 6.0F);
  EXPECT_EQ(served_.model->watched.open, 0);
  EXPECT_EQ(newer->watched.open, 1);
}

TEST_F(SequencesTest, AWrongSampleOpensNothingAndLeavesASequenceAlone) {
  Sequences sequences(8, 0ms);
  std::shared_ptr<Sequence> answered;
  inference::ModelInferRequest wrong = sample(1);
  wrong.mutable_inputs(0)->set_shape(1, 3);
  EXPECT_EQ(sequences.answer(*served_.repository, wrong, {"i:1", true}, &response_, &answered).error_code(),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(sequences.open(), 0U);
  for (const float value : {1.0F, 2.0F}) ASSERT_TRUE(ask(sequences, value, {"i:1", value == 1.0F}).ok());
  EXPECT_FALSE(sequences.answer(*served_.repository, wrong, {"i:1"}, &response_, &answered).ok());
  ASSERT_TRUE(ask(sequences, 3, {"i:1"}).ok());
  EXPECT_EQ(answer(), 6.0F);
}

TEST_F(SequencesTest, SamplesAtTheSameMomentAreAnsweredOnceOrRefused) {
  Sequences sequences(8, 1ms);
  ASSERT_TRUE(ask(sequences, 1, {"i:1", true}).ok());
  constexpr int kThreads = 4, kSamples = 500;
  std::atomic<int> answered{0}, refused{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kSamples; ++i) {
        std::shared_ptr<Sequence> sequence;
        inference::ModelInferResponse response;
        SequenceRef ref{"i:1"};
        if (i % 50 == t) ref = {"i:" + std::to_string(2 + t), true, true};  // others come and go meanwhile
        const grpc::Status status = sequences.answer(*served_.repository, sample(1), ref, &response, &sequence);
        if (status.ok()) sequence->settle();
        status.ok() ? ++answered : ++refused;
        const bool said = status.ok() || status.error_code() == StatusCode::UNAVAILABLE ||
                          status.error_code() == StatusCode::INVALID_ARGUMENT;  // idle for 1 ms: dropped
        EXPECT_TRUE(said) << status.error_message();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered + refused, kThreads * kSamples);
  EXPECT_EQ(served_.model->watched.overlaps, 0);
  EXPECT_EQ(served_.model->watched.steps, answered + 1);
}

}  // namespace
}  // namespace learn_rt::serve
