// Messages are read by hand: protobuf's library is the judge of them.
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "learn_rt/v1/predictor.pb.h"
#include "open_message.h"
#include "predictor_messages.h"

namespace learn_rt::client {
namespace {

struct Room {
  std::vector<float> predictions = std::vector<float>(8);
  std::vector<std::uint32_t> flags = std::vector<std::uint32_t>(4);
  AnswerRoom all() { return {predictions.data(), predictions.size(), flags.data(), flags.size()}; }
};

v1::PredictResponse random_response(std::mt19937& random) {
  v1::PredictResponse response;
  if (random() % 2) response.mutable_opened()->set_version(static_cast<std::int64_t>(random() % 1000));
  if (random() % 2) response.mutable_opened()->set_backend("native");
  response.set_sequence(static_cast<std::uint64_t>(random()) << (random() % 32));
  response.set_stamp_ns((static_cast<std::uint64_t>(random()) << 32) | random());
  for (std::size_t n = random() % 12; n > 0; --n) response.add_predictions(static_cast<float>(random()) * 1e-3F);
  for (std::size_t n = random() % 6; n > 0; --n) response.add_flags(static_cast<std::uint32_t>(random()));
  response.set_compute_ns(static_cast<std::uint32_t>(random()));
  if (random() % 2) response.set_state(std::string(random() % 300, static_cast<char>(random())));
  return response;
}

TEST(PredictorMessages, AnAnswerIsReadAsProtobufReadsIt) {
  std::mt19937 random(3);
  for (int turn = 0; turn < 2000; ++turn) {
    const v1::PredictResponse expected = random_response(random);
    const std::string bytes = expected.SerializeAsString();
    Room room;
    PredictAnswer answer;
    ASSERT_TRUE(read_answer(bytes.data(), bytes.size(), room.all(), answer));
    ASSERT_EQ(answer.opened, expected.has_opened());
    ASSERT_EQ(answer.version, expected.opened().version());
    ASSERT_EQ(answer.sequence, expected.sequence());
    ASSERT_EQ(answer.stamp_ns, static_cast<std::int64_t>(expected.stamp_ns()));
    ASSERT_EQ(answer.compute_ns, expected.compute_ns());
    ASSERT_EQ(answer.n_predictions, static_cast<std::size_t>(expected.predictions_size()));
    ASSERT_EQ(answer.n_flags, static_cast<std::size_t>(expected.flags_size()));
    ASSERT_EQ(std::string(answer.state_size == 0 ? "" : answer.state, answer.state_size), expected.state());
    for (int i = 0; i < std::min(8, expected.predictions_size()); ++i)
      ASSERT_EQ(room.predictions[static_cast<std::size_t>(i)], expected.predictions(i));
    for (int i = 0; i < std::min(4, expected.flags_size()); ++i)
      ASSERT_EQ(room.flags[static_cast<std::size_t>(i)], expected.flags(i));
  }
}

TEST(PredictorMessages, WhatIsReadIsWhatProtobufReadsOfChangedBytesToo) {
  const google::protobuf::LogSilencer silence;  // of text that is not UTF-8
  std::mt19937 random(4);
  std::size_t read = 0;
  for (int turn = 0; turn < 20'000; ++turn) {
    std::string bytes = random_response(random).SerializeAsString();
    if (bytes.empty()) continue;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    Room room;
    PredictAnswer answer;
    v1::PredictResponse expected;
    if (!read_answer(bytes.data(), bytes.size(), room.all(), answer) || !expected.ParseFromString(bytes)) continue;
    ++read;
    ASSERT_EQ(answer.sequence, expected.sequence());
    ASSERT_EQ(answer.n_predictions, static_cast<std::size_t>(expected.predictions_size()));
    ASSERT_EQ(std::string(answer.state_size == 0 ? "" : answer.state, answer.state_size), expected.state());
    for (int i = 0; i < std::min(8, expected.predictions_size()); ++i) {
      const float theirs = expected.predictions(i);
      ASSERT_EQ(std::memcmp(&room.predictions[static_cast<std::size_t>(i)], &theirs, sizeof theirs), 0);
    }
  }
  EXPECT_GT(read, 1000U);
}

TEST(PredictorMessages, NumbersMayComeOneByOne) {
  const std::string bytes("\x25\0\0\x80\x3F\x25\0\0\0\x40\x28\x07\x28\x80\x02", 15);
  Room room;
  PredictAnswer answer;
  ASSERT_TRUE(read_answer(bytes.data(), bytes.size(), room.all(), answer));
  EXPECT_EQ(answer.n_predictions, 2U);
  EXPECT_EQ(room.predictions[1], 2.0F);
  EXPECT_EQ(answer.n_flags, 2U);
  EXPECT_EQ(room.flags[1], 256U);
}

TEST(PredictorMessages, SamplesAreWrittenAsProtobufReadsThem) {
  const std::vector<float> samples = {1.0F, -2.5F, 3e-30F, 4.0F};
  std::vector<char> bytes(most_bytes(samples.size()));
  const std::size_t size = write_samples({~std::uint64_t{0}, -5, samples.data(), 2, 2}, bytes.data(), bytes.size());
  v1::PredictRequest request;
  ASSERT_TRUE(request.ParseFromArray(bytes.data(), static_cast<int>(size)));
  EXPECT_EQ(request.sequence(), ~std::uint64_t{0});
  EXPECT_EQ(static_cast<std::int64_t>(request.stamp_ns()), -5);
  EXPECT_EQ(std::vector<float>(request.samples().begin(), request.samples().end()), samples);
}

TEST(PredictorMessages, AnOpeningIsTheOneThatGrpcSends) {
  for (const Swap swap : {Swap::kPinned, Swap::kNow, Swap::kAtRest, Swap::kCrossfade}) {
    const Opening opening{"printer", "stable", std::string(64, 'a'),   {1.0F, 2.0F},
                          swap,      0.25,     std::uint64_t{1} << 40, {'s', '\0', 't'},
                          64};
    v1::Open open;
    ASSERT_TRUE(open.ParseFromString(write_open(opening)));
    EXPECT_EQ(open.SerializeAsString(), open_message(opening).SerializeAsString());
    v1::PredictRequest request;
    ASSERT_TRUE(request.ParseFromString(write_first_request(opening)));
    EXPECT_EQ(request.open().SerializeAsString(), open.SerializeAsString());
  }
}

}  // namespace
}  // namespace learn_rt::client
