#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "learn_rt/flags.h"
#include "small_model.h"

namespace learn_rt {
namespace {

using testing::SmallModel;
constexpr std::size_t kWindow = SmallModel::kWindow, kFeatures = SmallModel::kFeatures, kOutputs = SmallModel::kOutputs;

TEST(Session, GivesTheExactWindowsAnswerAtEachStep) {
  const SmallModel model;
  const auto loaded = model.load();
  const auto samples = SmallModel::walk(500);
  for (const bool settle : {false, true}) {
    const auto session = loaded->open();
    for (std::size_t k = 0; k < 500; ++k) {
      float y[kOutputs];
      const std::uint32_t flags = session->step(&samples[k * kFeatures], y);
      if (settle) session->settle();
      if (k + 1 < kWindow) {
        EXPECT_EQ(flags, kWarmingUp);
        EXPECT_EQ(y[0], 0.0F);
        continue;
      }
      EXPECT_EQ(flags, 0U);
      const auto expected = model.answer(&samples[(k + 1 - kWindow) * kFeatures]);
      for (std::size_t o = 0; o < kOutputs; ++o) EXPECT_NEAR(y[o], expected[o], 1e-6) << "sample " << k;
    }
  }
}

TEST(Session, AStateOfTheWrongScopeIsNotRun) {
  SmallModel model;
  const auto refusal = [&model] {
    try {
      model.load();
    } catch (const std::runtime_error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  model.share({"tail", "h"});
  EXPECT_NE(refusal().find("state h is of scope stream, but what it becomes is a lane's"), std::string::npos)
      << refusal();
  // Right from a cold start, wrong for every later window.
  model.share({"tail", "started", "h", "c"});
  EXPECT_NE(refusal().find("after another window is off by"), std::string::npos) << refusal();
  model.share({});  // a lane's own tail is as good
  EXPECT_EQ(refusal(), "");
}

TEST(Session, TakesRestAsAFullWindow) {
  const SmallModel model;
  const auto session = model.load()->open();
  const float rest[kFeatures] = {0.3F, -0.2F, 0.1F};
  session->begin(rest);
  std::vector<float> window;
  for (std::size_t t = 0; t < kWindow; ++t) window.insert(window.end(), rest, rest + kFeatures);
  float y[kOutputs];
  EXPECT_EQ(session->step(rest, y), 0U);
  const auto expected = model.answer(window.data());
  for (std::size_t o = 0; o < kOutputs; ++o) EXPECT_NEAR(y[o], expected[o], 1e-6);
}

TEST(Session, ARefusedSampleStartsTheWindowAgain) {
  SmallModel model;
  model.write("", R"(, "range_valid": [-5, 5], "range_trained": [-4, 4])");
  const auto session = model.load()->open();
  const auto samples = SmallModel::walk(40);
  std::vector<float> y(40 * kOutputs);
  std::vector<std::uint32_t> flags(40);
  session->run(samples.data(), 20, y.data(), flags.data());
  for (const float bad : {6.0F, std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const float sample[kFeatures] = {bad, 0.0F, 0.0F};
    EXPECT_EQ(session->step(sample, y.data()), kRefused);
    EXPECT_EQ(y[0], 0.0F);
    session->run(samples.data(), 20, y.data(), flags.data());
    for (std::size_t k = 0; k < 20; ++k) EXPECT_EQ(flags[k], k + 1 < kWindow ? kWarmingUp : 0U);
    const auto expected = model.answer(&samples[14 * kFeatures]);
    EXPECT_NEAR(y[19 * kOutputs], expected[0], 1e-6);
  }
  const float unusual[kFeatures] = {4.5F, 0.0F, 0.0F};
  EXPECT_EQ(session->step(unusual, y.data()), kOutOfTrainedRange);
}

TEST(Session, FlushTakesTheLastSampleAsStanding) {
  const SmallModel model;
  const auto loaded = model.load();
  const auto session = loaded->open();
  auto samples = SmallModel::walk(30);
  std::vector<float> y(30 * kOutputs), last(SmallModel::kPreview * kOutputs);
  std::vector<std::uint32_t> flags(30);
  session->run(samples.data(), 30, y.data(), flags.data());
  session->flush(last.data(), flags.data());
  for (std::size_t p = 0; p < SmallModel::kPreview; ++p) {
    samples.insert(samples.end(), samples.end() - kFeatures, samples.end());
    const auto expected = model.answer(&samples[(30 + p + 1 - kWindow) * kFeatures]);
    EXPECT_NEAR(last[p * kOutputs], expected[0], 1e-6);
    EXPECT_EQ(flags[p], 0U);
  }
}

// 0.1 as a float is above 0.1.
TEST(Session, TheNominalValueStandsInsideTheEnvelopeAsAFloatToo) {
  SmallModel model;
  for (const double sign : {1.0, -1.0}) {
    model.write(R"(, "envelope": {"value": 0.1, "rate": 1.0, "second": 50.0}, "nominal": )" +
                std::to_string(sign * 0.1));
    const auto session = model.load()->open();
    float y[kOutputs];
    EXPECT_EQ(session->step(SmallModel::walk(1).data(), y), kWarmingUp);
    EXPECT_LE(std::abs(static_cast<double>(y[0])), 0.1);
    EXPECT_NEAR(y[0], sign * 0.1, 1e-8);
  }
}

TEST(Session, KeepsEveryAnswerInsideTheEnvelope) {
  SmallModel model;
  model.write(R"(, "envelope": {"value": 0.05, "rate": 1.0, "second": 50.0}, "nominal": 0.01)");
  const auto session = model.load()->open();
  auto samples = SmallModel::walk(2000);
  for (std::size_t k = 100; k < 2000; k += 171) samples[k * kFeatures] = NAN;
  double last = 0.01, step = 0.0;
  bool limited = false;
  for (std::size_t k = 0; k < 2000; ++k) {
    float y[kOutputs];
    limited = (session->step(&samples[k * kFeatures], y) & kLimited) != 0 || limited;
    ASSERT_LE(std::abs(y[0]), 0.05);
    ASSERT_LE(std::abs(y[0] - last), 1.0 * 0.01);
    ASSERT_LE(std::abs(y[0] - last - step), 50.0 * 0.01 * 0.01);
    step = y[0] - last;
    last = y[0];
  }
  EXPECT_TRUE(limited);
}

}  // namespace
}  // namespace learn_rt
