#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

#include "infer_stream.h"
#include "sum_model.h"
#include "tensors.h"

namespace learn_rt::serve {
namespace {

using grpc::StatusCode;
using inference::ModelInferRequest;

ModelInferRequest request_of(std::initializer_list<std::int64_t> shape, const std::vector<float>& values, bool raw) {
  ModelInferRequest request;
  request.set_model_name("sum");
  request.set_id("id 1");
  auto* input = request.add_inputs();
  input->set_name("x");
  input->set_datatype("FP32");
  for (const std::int64_t size : shape) input->add_shape(size);
  if (raw) {
    request.add_raw_input_contents(values.data(), values.size() * sizeof(float));
  } else {
    for (const float value : values) input->mutable_contents()->add_fp32_contents(value);
  }
  return request;
}

const std::vector<float> kTwoWindows = {1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 1};

class InferTest : public ::testing::TestWithParam<bool> {
 protected:
  SumRepository served_;
  inference::ModelInferResponse response_;
};

TEST_P(InferTest, AnswersWholeWindowsInTheFormThatTheyCameIn) {
  const bool raw = GetParam();
  ASSERT_TRUE(infer(*served_.repository, request_of({2, 3, 2}, kTwoWindows, raw), &response_).ok());
  EXPECT_EQ(response_.model_name(), "sum");
  EXPECT_EQ(response_.model_version(), "7");
  EXPECT_EQ(response_.id(), "id 1");
  ASSERT_EQ(response_.outputs_size(), 1);
  EXPECT_EQ(response_.outputs(0).name(), "y");
  EXPECT_EQ(response_.outputs(0).shape(0), 2);
  EXPECT_EQ(response_.outputs(0).shape(1), 1);
  float answers[2] = {};
  if (raw) {
    ASSERT_EQ(response_.raw_output_contents(0).size(), sizeof answers);
    std::memcpy(answers, response_.raw_output_contents(0).data(), sizeof answers);
  } else {
    ASSERT_EQ(response_.outputs(0).contents().fp32_contents_size(), 2);
    for (int i = 0; i < 2; ++i) answers[i] = response_.outputs(0).contents().fp32_contents(i);
  }
  EXPECT_EQ(answers[0], 21.0F);
  EXPECT_EQ(answers[1], 1.0F);
}

INSTANTIATE_TEST_SUITE_P(RawAndTyped, InferTest, ::testing::Bool());

struct Wrong {
  const char* name;
  std::function<void(ModelInferRequest&)> change;
  StatusCode code;
  const char* cause;  // a part of the message
};

class InferRefuses : public ::testing::TestWithParam<Wrong> {};

TEST_P(InferRefuses, WithACodeAndTheCause) {
  const SumRepository served;
  ModelInferRequest request = request_of({2, 3, 2}, kTwoWindows, true);
  GetParam().change(request);
  inference::ModelInferResponse response;
  const grpc::Status status = infer(*served.repository, request, &response);
  EXPECT_EQ(status.error_code(), GetParam().code);
  EXPECT_NE(status.error_message().find(GetParam().cause), std::string::npos) << status.error_message();
}

constexpr auto kInvalid = StatusCode::INVALID_ARGUMENT;
INSTANTIATE_TEST_SUITE_P(
    Each, InferRefuses,
    ::testing::Values(
        Wrong{"model", [](auto& r) { r.set_model_name("other"); }, StatusCode::NOT_FOUND, "served: sum"},
        Wrong{"version", [](auto& r) { r.set_model_version("1"); }, StatusCode::NOT_FOUND, "served: 7"},
        Wrong{"no_input", [](auto& r) { r.clear_inputs(); }, kInvalid, "one input named 'x', got 0"},
        Wrong{"input_name", [](auto& r) { r.mutable_inputs(0)->set_name("z"); }, kInvalid, "named 'z'"},
        Wrong{"two_inputs", [](auto& r) { *r.add_inputs() = r.inputs(0); }, kInvalid, "got 2"},
        Wrong{"datatype", [](auto& r) { r.mutable_inputs(0)->set_datatype("FP64"); }, kInvalid, "got 'FP64'"},
        Wrong{"rank", [](auto& r) { r.mutable_inputs(0)->add_shape(1); }, kInvalid, "got [2, 3, 2, 1]"},
        Wrong{"window", [](auto& r) { r.mutable_inputs(0)->set_shape(1, 4); }, kInvalid, "[batch, 3, 2]"},
        Wrong{"empty_batch", [](auto& r) { r.mutable_inputs(0)->set_shape(0, 0); }, kInvalid, "batch of 1 to 1024"},
        Wrong{"negative_batch", [](auto& r) { r.mutable_inputs(0)->set_shape(0, -1); }, kInvalid, "batch of 1"},
        Wrong{"huge_batch", [](auto& r) { r.mutable_inputs(0)->set_shape(0, INT64_MAX); }, kInvalid, "batch of 1"},
        Wrong{"short_raw", [](auto& r) { r.mutable_raw_input_contents(0)->pop_back(); }, kInvalid,
              "48 raw bytes, got 47"},
        Wrong{"raw_twice", [](auto& r) { r.add_raw_input_contents(""); }, kInvalid, "one entry for one input, got 2"},
        Wrong{"raw_and_typed", [](auto& r) { r.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1); }, kInvalid,
              "no input may have `contents`"},
        Wrong{"nothing", [](auto& r) { r.clear_raw_input_contents(); }, kInvalid, "12 values in fp32_contents, got 0"},
        Wrong{"wrong_contents",
              [](auto& r) {
                r.clear_raw_input_contents();
                r.mutable_inputs(0)->mutable_contents()->add_fp64_contents(1);
              },
              kInvalid, "fp32_contents"},
        Wrong{"shared_memory", [](auto& r) { (*r.mutable_inputs(0)->mutable_parameters())["shared_memory_region"]; },
              kInvalid, "'shared_memory_region' is not supported"},
        Wrong{"output", [](auto& r) { r.add_outputs()->set_name("z"); }, kInvalid, "no output named 'z'"},
        Wrong{"classification",
              [](auto& r) {
                r.add_outputs()->set_name("y");
                (*r.mutable_outputs(0)->mutable_parameters())["classification"];
              },
              kInvalid, "'classification' is not supported"}),
    [](const auto& wrong) { return wrong.param.name; });

class InferStreamTest : public ::testing::Test {
 protected:
  // One sample of a sequence; returns the answer, or NaN with error() set.
  float sample(float value, std::int64_t sequence, bool start = false, bool end = false) {
    ModelInferRequest request = request_of({1, 2}, {value, 0}, false);
    (*request.mutable_parameters())["sequence_id"].set_int64_param(sequence);
    (*request.mutable_parameters())["sequence_start"].set_bool_param(start);
    (*request.mutable_parameters())["sequence_end"].set_bool_param(end);
    EXPECT_TRUE(stream_->answer(request, &response_).ok());
    stream_->settle();
    return error().empty() ? response_.infer_response().outputs(0).contents().fp32_contents(0) : std::nanf("");
  }
  const std::string& error() const { return response_.error_message(); }

  SumRepository served_;
  std::unique_ptr<InferStream> stream_ = std::make_unique<InferStream>(served_.repository);
  inference::ModelStreamInferResponse response_;
};

TEST_F(InferStreamTest, TwoSequencesKeepTheirOwnState) {
  sample(1, 1, true), sample(100, 2, true);
  EXPECT_EQ(response_.infer_response().parameters().at("flags").int64_param(), 1);  // warming up
  sample(2, 1), sample(200, 2);
  EXPECT_EQ(sample(3, 1), 6.0F);
  EXPECT_EQ(sample(300, 2), 600.0F);
  EXPECT_EQ(response_.infer_response().parameters().at("flags").int64_param(), 0);
  EXPECT_EQ(served_.model->watched.open, 2);
}

TEST_F(InferStreamTest, StartBeginsAnewAndEndFrees) {
  sample(1, 1, true), sample(1, 1), sample(1, 1);
  sample(5, 1, true), sample(5, 1);
  EXPECT_EQ(sample(5, 1, false, true), 15.0F);
  EXPECT_EQ(served_.model->watched.open, 0);
  sample(5, 1);
  EXPECT_NE(error().find("begin it with sequence_start"), std::string::npos) << error();
}

TEST_F(InferStreamTest, AnErrorIsInBandAndTheStreamGoesOn) {
  sample(1, 1, true);
  ModelInferRequest wrong = request_of({1, 3}, {1, 2, 3}, false);
  (*wrong.mutable_parameters())["sequence_id"].set_int64_param(1);
  EXPECT_TRUE(stream_->answer(wrong, &response_).ok());
  EXPECT_NE(error().find("[batch, 2]"), std::string::npos) << error();
  EXPECT_EQ(response_.infer_response().id(), "id 1");
  sample(2, 1);
  EXPECT_EQ(sample(3, 1), 6.0F);  // the refused request left the sequence alone
}

TEST_F(InferStreamTest, WithoutASequenceItAnswersWindows) {
  EXPECT_TRUE(stream_->answer(request_of({2, 3, 2}, kTwoWindows, false), &response_).ok());
  EXPECT_EQ(response_.infer_response().outputs(0).contents().fp32_contents(0), 21.0F);
}

TEST_F(InferStreamTest, SequencesAreBoundedAndGoWithTheStream) {
  for (std::size_t i = 1; i <= InferStream::kMaxSequences; ++i) sample(1, static_cast<std::int64_t>(i), true);
  EXPECT_EQ(error(), "");
  sample(1, 1000, true);
  EXPECT_NE(error().find("at most 64 sequences"), std::string::npos) << error();
  stream_.reset();
  EXPECT_EQ(served_.model->watched.open, 0);
}

}  // namespace
}  // namespace learn_rt::serve
