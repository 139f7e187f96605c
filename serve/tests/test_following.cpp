#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <random>
#include <thread>

#include "learn_rt/flags.h"
#include "predict_stream.h"
#include "sum_model.h"

namespace learn_rt::serve {
namespace {

using grpc::StatusCode;

constexpr Envelope kEnvelope{400.0, 50'000.0, 10'000'000.0};  // 50 and 10 a tick

class FollowingTest : public ::testing::Test {
 protected:
  void open(v1::Swap swap, float crossfade_s = 0.0F, bool at_rest = false, std::uint32_t swap_after = 0) {
    v1::PredictRequest request;
    request.mutable_open()->set_model("sum");
    request.mutable_open()->set_contract_hash("5a5a");
    request.mutable_open()->set_swap(swap);
    request.mutable_open()->set_crossfade_s(crossfade_s);
    request.mutable_open()->set_swap_after(swap_after);
    if (at_rest) request.mutable_open()->mutable_rest()->Resize(2, 1.0F);
    stream_ = std::make_unique<PredictStream>(served_.repository);
    const grpc::Status status = stream_->answer(request, &response_);
    ASSERT_TRUE(status.ok()) << status.error_message();
    stream_->settle();
  }
  float ask(float value) {
    v1::PredictRequest request;
    request.add_samples(value);
    request.add_samples(0);
    EXPECT_TRUE(stream_->answer(request, &response_).ok());
    if (response_.has_opened()) version_ = response_.opened().version();
    stream_->settle();
    return response_.predictions(0);
  }
  std::uint32_t flags() const { return response_.flags_size() == 0 ? 0 : response_.flags(0); }
  void tend() { served_.repository->followers().tend(*served_.repository, journal_); }
  // What the journal says since the last call, the last event only.
  std::string said() {
    std::string text;
    while (const auto event = journal_.try_pop()) {
      text = (event->kind == Event::kSwapped ? "swapped " : "left out ") + std::to_string(event->version) + ": " +
             event->cause.data();
    }
    return text;
  }

  SumRepository served_;
  Journal journal_;
  std::unique_ptr<PredictStream> stream_;
  v1::PredictResponse response_;
  std::int64_t version_ = 7;
};

TEST_F(FollowingTest, GoesOnBetweenTwoSamplesWithTheWholeWindow) {
  open(v1::SWAP_NOW);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  const auto other = std::make_shared<SumModel>(10.0F);
  const auto host = served_.swap(8, other);
  EXPECT_EQ(ask(4), 9.0F);  // not prepared yet
  tend();
  EXPECT_EQ(ask(5), 12.0F);  // prepared, and taken up after this one
  EXPECT_EQ(ask(6), 150.0F);
  EXPECT_TRUE(response_.has_opened());
  EXPECT_EQ(version_, 8);
  EXPECT_EQ(ask(7), 180.0F);
  EXPECT_FALSE(response_.has_opened());
  tend();
  EXPECT_EQ(said(), "swapped 8: after version 7");
  EXPECT_EQ(served_.model->watched.open, 0);  // gone with its last stream
  EXPECT_EQ(host->counters().sessions_open, 1U);
  stream_.reset();
  EXPECT_EQ(host->counters().sessions_open, 0U);
  EXPECT_EQ(other->watched.open, 0);
}

TEST_F(FollowingTest, TheVersionOfTheBeginningAnswersAsManySamplesAsAskedFor) {
  open(v1::SWAP_NOW, 0.0F, false, 6);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  served_.swap(8, std::make_shared<SumModel>(10.0F));
  tend();
  ask(4);
  EXPECT_EQ(ask(5), 12.0F);
  EXPECT_EQ(ask(6), 15.0F);  // the sixth
  EXPECT_EQ(version_, 7);
  EXPECT_EQ(ask(7), 180.0F);
  EXPECT_EQ(version_, 8);
}

TEST_F(FollowingTest, APinnedStreamStaysAndANewOneDoesNot) {
  open(v1::SWAP_PINNED);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  served_.swap(8, std::make_shared<SumModel>(10.0F));
  tend();
  EXPECT_EQ(ask(4), 9.0F);
  EXPECT_EQ(ask(5), 12.0F);
  EXPECT_EQ(version_, 7);
  open(v1::SWAP_PINNED);
  EXPECT_EQ(response_.opened().version(), 8);
}

TEST_F(FollowingTest, AtRestWaitsUntilAWindowOfSamplesStandsStill) {
  open(v1::SWAP_AT_REST);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  served_.swap(8, std::make_shared<SumModel>(10.0F));
  tend();
  for (const float value : {4.0F, 5.0F, 6.0F, 7.0F, 7.0F}) ask(value);
  EXPECT_EQ(version_, 7);
  EXPECT_EQ(ask(7), 21.0F);  // the third of its kind: at rest
  EXPECT_EQ(ask(7), 210.0F);
  EXPECT_EQ(version_, 8);
}

TEST_F(FollowingTest, ACrossfadeGoesFromTheOneToTheOtherAndSaysSo) {
  open(v1::SWAP_CROSSFADE, 0.004F);  // four ticks
  for (int i = 0; i < 3; ++i) ask(1);
  served_.swap(8, std::make_shared<SumModel>(11.0F));
  tend();
  ask(1);
  for (const float share : {0.2F, 0.4F, 0.6F, 0.8F}) {
    EXPECT_NEAR(ask(1), 3.0F + share * 30.0F, 1e-5F);
    EXPECT_EQ(flags(), static_cast<std::uint32_t>(kSwapping));
    EXPECT_EQ(version_, 8);
  }
  EXPECT_EQ(ask(1), 33.0F);
  EXPECT_EQ(flags(), 0U);
  tend();
  EXPECT_EQ(served_.model->watched.open, 0);
}

TEST_F(FollowingTest, AShortStreamTakesItsRestAlong) {
  open(v1::SWAP_NOW, 0.0F, true);  // two and two and two
  served_.swap(8, std::make_shared<SumModel>(10.0F));
  tend();
  EXPECT_EQ(ask(5), 9.0F);
  EXPECT_EQ(ask(6), 130.0F);
}

TEST_F(FollowingTest, ALaterVersionTakesThePlaceOfOneThatWasNotTakenUp) {
  open(v1::SWAP_NOW);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  const auto passed = std::make_shared<SumModel>(10.0F);
  served_.swap(8, passed);
  tend();
  served_.swap(9, std::make_shared<SumModel>(100.0F));
  tend();
  ask(4);
  EXPECT_EQ(ask(5), 1200.0F);
  EXPECT_EQ(version_, 9);
  served_.swap(7, served_.model);  // and back
  tend();
  ask(6);
  EXPECT_EQ(ask(7), 18.0F);
  EXPECT_EQ(version_, 7);
  tend();
  EXPECT_EQ(passed->watched.open, 0);
}

TEST_F(FollowingTest, AVersionThatCannotGoOnIsLeftOutWithTheReason) {
  open(v1::SWAP_NOW);
  for (const float value : {1.0F, 2.0F, 3.0F}) ask(value);
  const auto expect_left_out = [&](const std::shared_ptr<SumModel>& model, const std::string& cause) {
    served_.swap(8, model);
    tend();
    EXPECT_EQ(said(), "left out 8: " + cause);
    tend();
    EXPECT_EQ(said(), "");  // once
    ask(1), ask(1), ask(1);
    EXPECT_EQ(ask(1), 3.0F);
    EXPECT_EQ(version_, 7);
  };
  expect_left_out(std::make_shared<SumModel>(10.0F, kEnvelope), "it has another envelope: open the stream anew");
  auto contract = std::make_shared<SumModel>(10.0F);
  contract->spec_to_change().contract_hash = "6b6b";
  expect_left_out(contract, "it has another contract");
  auto forgetful = std::make_shared<SumModel>(10.0F);
  forgetful->spec_to_change().forgetting = 100'000;
  expect_left_out(forgetful, "it remembers more samples than were kept: open the stream anew");
  auto stateful = std::make_shared<SumModel>(10.0F);
  stateful->spec_to_change().kind = Kind::kStateful;
  expect_left_out(stateful, "its state cannot be made again from a history: the spec states no forgetting length");
}

TEST_F(FollowingTest, AnOpeningThatCannotFollowIsRefused) {
  PredictStream stream(served_.repository);
  v1::PredictRequest request;
  request.mutable_open()->set_model("sum");
  request.mutable_open()->set_contract_hash("5a5a");
  request.mutable_open()->set_swap(v1::SWAP_NOW);
  request.mutable_open()->set_version("7");
  EXPECT_EQ(stream.answer(request, &response_).error_message(),
            "open.version is the number '7', which is never swapped: ask for 'stable', or leave out open.swap");
  request.mutable_open()->set_version("stable");
  for (const float seconds : {-1.0F, 61.0F, std::nanf("")}) {
    request.mutable_open()->set_crossfade_s(seconds);
    EXPECT_EQ(stream.answer(request, &response_).error_code(), StatusCode::INVALID_ARGUMENT);
  }
  request.mutable_open()->set_crossfade_s(0);
  request.mutable_open()->set_swap(static_cast<v1::Swap>(9));
  EXPECT_EQ(stream.answer(request, &response_).error_code(), StatusCode::INVALID_ARGUMENT);
  request.mutable_open()->set_swap(v1::SWAP_NOW);
  served_.model->spec_to_change().kind = Kind::kStateful;
  const grpc::Status stateful = stream.answer(request, &response_);
  EXPECT_EQ(stateful.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(stateful.error_message().find("no forgetting length"), std::string::npos);
  served_.model->spec_to_change().forgetting = 20;
  EXPECT_TRUE(stream.answer(request, &response_).ok());
}

// No sequence of samples and swaps leaves the envelope, in value, rate and second difference.
TEST(FollowingEnvelope, HoldsOverEveryKindOfSwap) {
  std::mt19937 random(5);
  for (const v1::Swap swap : {v1::SWAP_NOW, v1::SWAP_AT_REST, v1::SWAP_CROSSFADE}) {
    SumRepository served(kEnvelope);
    Journal journal;
    PredictStream stream(served.repository);
    v1::PredictRequest request;
    v1::PredictResponse response;
    request.mutable_open()->set_model("sum");
    request.mutable_open()->set_contract_hash("5a5a");
    request.mutable_open()->set_swap(swap);
    request.mutable_open()->set_crossfade_s(0.005F);
    ASSERT_TRUE(stream.answer(request, &response).ok());
    request.clear_open();
    std::uniform_real_distribution<float> gain(-8.0F, 8.0F), step(-0.2F, 0.2F);
    double last = 0.0, speed = 0.0;
    int swaps = 0, limited = 0;
    float value = 1.0F;
    for (int i = 0; i < 20'000; ++i) {
      if (i % 40 == 20) {  // a version whose answers are somewhere else
        served.swap(8 + i, std::make_shared<SumModel>(i % 80 == 20 ? 1.0F : gain(random), kEnvelope));
        served.repository->followers().tend(*served.repository, journal);
      }
      if (i % 40 < 30) value = std::min(std::max(value + step(random), -3.0F), 3.0F);  // and stands for ten ticks
      request.mutable_samples()->Resize(2, 0.0F);
      request.set_samples(0, value);
      ASSERT_TRUE(stream.answer(request, &response).ok());
      stream.settle();
      swaps += response.has_opened();
      limited += response.flags_size() != 0 && (response.flags(0) & kLimited) != 0;
      const double y = static_cast<double>(response.predictions(0)), moved = y - last;
      if (swaps > 0) {  // the first version has no limiter here: the runtime's sessions have
        ASSERT_LE(std::abs(y), kEnvelope.value) << i;
        ASSERT_LE(std::abs(moved), kEnvelope.rate * 0.001 + 1e-9) << i;
        ASSERT_LE(std::abs(moved - speed), kEnvelope.second * 1e-6 + 1e-9) << i;
      }
      last = y;
      speed = moved;
    }
    EXPECT_GT(swaps, 300) << swap;
    EXPECT_GT(limited, 10) << swap;
  }
}

// Streams at full speed beside a thread that swaps: every answer is the closed form of the version that it names.
TEST(FollowingThreads, NoAnswerIsLostWrongOrUnversioned) {
  SumRepository served;
  Journal journal;
  std::atomic<bool> over{false};
  std::atomic<int> seen_swaps{0};
  std::thread loader([&] {
    for (int n = 8; !over; ++n) {
      served.swap(n, std::make_shared<SumModel>(static_cast<float>(n)));
      for (int k = 0; k < 20 && !over; ++k) served.repository->followers().tend(*served.repository, journal);
      while (journal.try_pop()) {
      }
    }
  });
  std::vector<std::thread> streams;
  for (int s = 0; s < 3; ++s) {
    streams.emplace_back([&, s] {
      PredictStream stream(served.repository);
      v1::PredictRequest request;
      v1::PredictResponse response;
      request.mutable_open()->set_model("sum");
      request.mutable_open()->set_contract_hash("5a5a");
      request.mutable_open()->set_swap(v1::SWAP_NOW);
      ASSERT_TRUE(stream.answer(request, &response).ok());
      std::int64_t version = response.opened().version();
      request.clear_open();
      int swaps = 0;
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      for (int i = 0; swaps < 30 && std::chrono::steady_clock::now() < until; ++i) {
        request.mutable_samples()->Resize(2, 0.0F);
        request.set_samples(0, static_cast<float>(i % 1000));
        ASSERT_TRUE(stream.answer(request, &response).ok());
        stream.settle();
        if (response.has_opened()) {
          version = response.opened().version();
          ++swaps;
        }
        if (i < 2) continue;
        const float gain = version == 7 ? 1.0F : static_cast<float>(version);
        const float sum = static_cast<float>(i % 1000 + (i - 1) % 1000 + (i - 2) % 1000);
        ASSERT_EQ(response.predictions(0), gain * sum) << "stream " << s << ", sample " << i << ", " << version;
      }
      seen_swaps += swaps;
    });
  }
  for (std::thread& stream : streams) stream.join();
  over = true;
  loader.join();
  EXPECT_GE(seen_swaps, 30);
}

}  // namespace
}  // namespace learn_rt::serve
