#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "learn_rt/flags.h"
#include "predict_stream.h"
#include "sum_model.h"

namespace learn_rt::serve {
namespace {

using grpc::StatusCode;

v1::PredictRequest opening(const std::string& model = "sum", const std::string& hash = "5a5a") {
  v1::PredictRequest request;
  request.mutable_open()->set_model(model);
  request.mutable_open()->set_contract_hash(hash);
  return request;
}

v1::PredictRequest samples(std::initializer_list<float> values) {
  v1::PredictRequest request;
  for (const float value : values) request.add_samples(value);
  return request;
}

class PredictStreamTest : public ::testing::Test {
 protected:
  grpc::Status answer(const v1::PredictRequest& request) { return stream_.answer(request, &response_); }

  SumRepository served_;
  PredictStream stream_{served_.repository};
  v1::PredictResponse response_;
};

TEST_F(PredictStreamTest, TheFirstResponseSaysWhatWasOpened) {
  ASSERT_TRUE(answer(opening()).ok());
  EXPECT_EQ(response_.opened().version(), 7);
  EXPECT_EQ(response_.opened().backend(), "native");
  EXPECT_EQ(response_.predictions_size(), 0);
}

TEST_F(PredictStreamTest, AnswersEachSampleAndFlagsTheWarmUp) {
  ASSERT_TRUE(answer(opening()).ok());
  v1::PredictRequest request = samples({1, 2});
  request.set_sequence(41);
  request.set_stamp_ns(99);
  ASSERT_TRUE(answer(request).ok());
  EXPECT_FALSE(response_.has_opened());
  EXPECT_EQ(response_.sequence(), 41U);
  EXPECT_EQ(response_.stamp_ns(), 99U);
  ASSERT_EQ(response_.flags_size(), 1);
  EXPECT_EQ(response_.flags(0), kWarmingUp);
  ASSERT_TRUE(answer(samples({3, 4})).ok());
  ASSERT_TRUE(answer(samples({5, 6})).ok());
  EXPECT_EQ(response_.flags_size(), 0);  // all zero
  ASSERT_EQ(response_.predictions_size(), 1);
  EXPECT_EQ(response_.predictions(0), 21.0F);
}

TEST_F(PredictStreamTest, AChunkGivesTheAnswersOfItsSamplesOneByOne) {
  ASSERT_TRUE(answer(opening()).ok());
  ASSERT_TRUE(answer(samples({1, 0, 2, 0, 3, 0, 4, 0})).ok());
  ASSERT_EQ(response_.predictions_size(), 4);
  EXPECT_EQ(response_.predictions(2), 6.0F);
  EXPECT_EQ(response_.predictions(3), 9.0F);
  ASSERT_EQ(response_.flags_size(), 4);
  EXPECT_EQ(response_.flags(1), kWarmingUp);
  EXPECT_EQ(response_.flags(3), 0U);
}

TEST_F(PredictStreamTest, FlushAnswersThePreviewToo) {
  ASSERT_TRUE(answer(opening()).ok());
  v1::PredictRequest request = samples({1, 0, 2, 0, 3, 0});
  request.set_flush(true);
  ASSERT_TRUE(answer(request).ok());
  ASSERT_EQ(response_.predictions_size(), 4);
  EXPECT_EQ(response_.predictions(3), 8.0F);  // 2 + 3 + 3: the last sample stands
}

TEST_F(PredictStreamTest, RestFillsTheWindow) {
  v1::PredictRequest request = opening();
  request.mutable_open()->add_rest(1);
  request.mutable_open()->add_rest(1);
  ASSERT_TRUE(answer(request).ok());
  ASSERT_TRUE(answer(samples({2, 2})).ok());
  EXPECT_EQ(response_.predictions(0), 8.0F);
  EXPECT_EQ(response_.flags_size(), 0);
}

TEST_F(PredictStreamTest, RefusesWhatIsNotOneStreamOfOneModel) {
  EXPECT_EQ(answer(samples({1, 2})).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer(opening("other")).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(answer(opening("sum", "")).error_code(), StatusCode::FAILED_PRECONDITION);
  v1::PredictRequest wrong_version = opening();
  wrong_version.mutable_open()->set_version("8");
  EXPECT_EQ(answer(wrong_version).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(served_.model->watched.open, 0);
  ASSERT_TRUE(answer(opening()).ok());
  EXPECT_EQ(answer(opening()).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(PredictStreamTest, RefusesARestThatIsNoPhysicalSample) {
  v1::PredictRequest request = opening();
  request.mutable_open()->add_rest(1);
  EXPECT_EQ(answer(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request.mutable_open()->add_rest(std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(answer(request).error_code(), StatusCode::INVALID_ARGUMENT);
  request.mutable_open()->set_rest(1, 11.0F);  // b is valid from -10 to 10
  EXPECT_EQ(answer(request).error_message(),
            "open.rest: b must be finite and physical (spec: range_valid), got 11.000000 1");
  request.mutable_open()->set_rest(1, 10.0F);
  EXPECT_TRUE(answer(request).ok());
}

TEST_F(PredictStreamTest, SaysWhatASampleMustHold) {
  ASSERT_TRUE(answer(opening()).ok());
  const grpc::Status status = answer(samples({1, 2, 3}));
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "samples must hold a multiple of 2 values (a, b), got 3");
}

TEST_F(PredictStreamTest, BoundsAChunk) {
  ASSERT_TRUE(answer(opening()).ok());
  v1::PredictRequest request;
  request.mutable_samples()->Resize(2 * 4096, 1.0F);
  EXPECT_TRUE(answer(request).ok());
  EXPECT_EQ(response_.predictions_size(), 4096);
  request.mutable_samples()->Resize(2 * 4097, 1.0F);
  EXPECT_EQ(answer(request).error_code(), StatusCode::INVALID_ARGUMENT);
}

TEST_F(PredictStreamTest, CountsWhatItAnsweredAndRefused) {
  ASSERT_TRUE(answer(opening()).ok());
  ASSERT_TRUE(answer(samples({1, 2, 3, 4})).ok());
  EXPECT_FALSE(answer(samples({1})).ok());
  const Counters& counters = served_.repository->hosts()[0]->counters();
  EXPECT_EQ(counters.answers, 2U);
  EXPECT_EQ(counters.requests, 1U);
  EXPECT_EQ(counters.failures.total(), 1U);
  EXPECT_EQ(counters.failures.of(grpc::StatusCode::INVALID_ARGUMENT), 1U);
  EXPECT_EQ(counters.sessions_open, 1U);
}

TEST_F(PredictStreamTest, ToldToItCarriesTheStateFromWhichAnotherStreamGoesOn) {
  v1::PredictRequest request = opening();
  request.mutable_open()->set_state_every(3);
  ASSERT_TRUE(answer(request).ok());
  stream_.settle();
  std::string state;
  for (int k = 0; k < 7; ++k) {
    ASSERT_TRUE(answer(samples({static_cast<float>(k), 0})).ok());
    stream_.settle();
    EXPECT_EQ(response_.state().empty(), k != 3 && k != 6) << k;
    if (k == 6) state = response_.state();  // from before the sample 6
  }
  PredictStream other{served_.repository};
  v1::PredictRequest go_on = opening();
  go_on.mutable_open()->set_state(state);
  ASSERT_TRUE(other.answer(go_on, &response_).ok());
  ASSERT_TRUE(other.answer(samples({6, 0}), &response_).ok());
  EXPECT_EQ(response_.predictions(0), 15.0F);  // 4 + 5 + 6
  EXPECT_TRUE(response_.state().empty());
}

TEST_F(PredictStreamTest, RefusesAStateThatIsNone) {
  const auto refused = [this](const std::function<void(v1::Open&)>& change) {
    v1::PredictRequest request = opening();
    request.mutable_open()->set_state(std::string(12, 0));
    change(*request.mutable_open());
    const grpc::Status status = answer(request);
    EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  };
  EXPECT_EQ(refused([](v1::Open& open) { open.set_state("short"); }), "open.state: the state must have 12 bytes");
  EXPECT_EQ(refused([](v1::Open& open) { open.set_state(std::string((256 << 10) + 1, 0)); }),
            "open.state must be at most 262144 bytes, got 262145");
  EXPECT_EQ(refused([](v1::Open& open) { open.set_state_every(65'537); }),
            "open.state_every must be at most 65536 samples, got 65537");
  const std::string beside =
      "open.state belongs to one version, and says what came before: leave out open.swap and open.rest";
  EXPECT_EQ(refused([](v1::Open& open) { open.set_swap(v1::SWAP_NOW); }), beside);
  EXPECT_EQ(refused([](v1::Open& open) { open.mutable_rest()->Resize(2, 1.0F); }), beside);
  EXPECT_EQ(served_.model->watched.open, 0);
}

}  // namespace
}  // namespace learn_rt::serve
