// What is handed out when something is wrong: the latched fault, the fallback, narrower bounds, many outputs.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <string>
#include <thread>

#include "cage.h"
#include "checks.h"
#include "fallback.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "loop.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

TEST(SafeOutput, AFaultLatchesAfterSoManyMissesInARowAndStaysUntilItIsCleared) {
  Loop loop;
  loop.options.fault_after = 3;
  const auto client = loop.connect();
  const auto samples = smooth_path(200);
  const auto expected = reference_answers(samples);
  std::size_t k = 0;
  const auto miss = [&] { return client->predict(&samples[2 * k++], 0ns).flags & kByPolicy; };
  const auto answer = [&] { return client->predict(&samples[2 * k++], kAmple); };
  loop.script->hold();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(miss(), kLate);
  loop.script->release();
  EXPECT_EQ(answer().flags & kByPolicy, 0U);  // two in a row are no fault
  loop.script->hold();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(miss(), kLate);
  EXPECT_TRUE(client->fault());
  loop.script->release();
  const float held = client->latest().values[1];
  while (k < 50) {  // answers come again: they are not taken
    const Prediction prediction = answer();
    ASSERT_EQ(prediction.flags & kByPolicy, kFault);
    ASSERT_EQ(prediction.values[1], held);
  }
  client->clear_fault();
  EXPECT_FALSE(client->fault());
  while (k < 200) {
    const Prediction prediction = answer();  // the window is whole
    ASSERT_EQ(prediction.flags & kByPolicy, 0U);
    ASSERT_EQ(prediction.values[1], expected.values[2 * k - 1]);
  }
  EXPECT_EQ(client->stats().faults, 1U);
  EXPECT_EQ(client->stats().overruns, 0U);
}

TEST(SafeOutput, AFaultThatLastsFillsNoRing) {
  Loop loop;
  loop.options.fault_after = 1;
  loop.options.capacity = 16;
  const auto client = loop.connect();
  const float sample[2] = {0.1F, 0.2F};
  loop.script->hold();
  client->predict(sample, 0ns);
  loop.script->release();
  for (std::size_t i = 1; i < 500; ++i) {
    EXPECT_EQ(client->predict(sample, kAmple).flags & kByPolicy, kFault);
    wait_until([&] { return loop.script->n_given() == i + 1; });
  }
  EXPECT_EQ(client->stats().overruns, 0U);
}

TEST(SafeOutput, TheBoundsThatTheClientGivesHoldBesideTheSpecs) {
  Loop loop;
  loop.options.envelope = {{"p", {5.0, 5.0, 5000.0}}, {"q", {4.0, 1000.0, 1e6}}};  // the spec's p: 1, 50, 10000
  const auto client = loop.connect();
  const auto samples = smooth_path(1000);
  float last = 0.25F;
  bool limited = false;
  for (std::size_t k = 0; k < 1000; ++k) {
    const Prediction prediction = client->predict(&samples[2 * k], kAmple);
    ASSERT_LE(std::abs(prediction.values[0]), 1.0F);
    ASSERT_LE(std::abs(static_cast<double>(prediction.values[0]) - static_cast<double>(last)), 5.0 * 0.002);
    ASSERT_LE(std::abs(prediction.values[1]), 4.0F);  // the model answers up to 6
    limited |= (prediction.flags & kLimited) != 0;
    last = prediction.values[0];
  }
  EXPECT_TRUE(limited);
}

TEST(SafeOutput, BoundsThatCannotBeAreRefusedWithTheirName) {
  const auto error = [](OutputEnvelope bounds) {
    Loop loop;
    loop.options.envelope = {std::move(bounds)};
    return error_of([&] { loop.connect(); });
  };
  EXPECT_EQ(error({"r", {1, 1, 1}}), "envelope: the model has no output r");
  EXPECT_EQ(error({"p", {1, 0, 1}}), "envelope of p: value, rate and second must be finite and above 0");
  EXPECT_EQ(error({"p", {1, 1, 1e-6}}), "envelope of p: second * dt_s^2 is finer than a float at `value` can keep");
}

TEST(SafeOutput, AModelOfManyOutputsIsAnsweredWhole) {
  for (const std::size_t n : {300U, 4000U}) {
    Loop loop;
    loop.script->spec.outputs[1].shape = {n - 1};
    const auto client = loop.connect();
    const auto samples = smooth_path(100);
    const auto expected = reference_answers(samples);
    for (std::size_t k = 0; k < 100; ++k) {
      const Prediction prediction = client->predict(&samples[2 * k], kAmple);
      ASSERT_EQ(prediction.n_outputs, n);
      ASSERT_EQ(prediction.values[1], expected.values[2 * k + 1]);
      ASSERT_EQ(prediction.values[n - 1], static_cast<float>(n - 1) * expected.values[2 * k + 1]);
    }
  }
}

TEST(SafeOutput, OutputsThatTakeTooMuchMemoryAreRefused) {
  Loop loop;
  loop.script->spec.outputs[1].shape = {1 << 20};
  EXPECT_NE(error_of([&] { loop.connect(); }).find("must fit in 1024 MiB"), std::string::npos);
}

// A model whose answer is the sample, its n-th sample refused, its first three warming up.
class EchoModel final : public Model {
 public:
  const Spec& spec() const noexcept override { return spec_; }
  const std::string& backend() const noexcept override { return name_; }
  const std::string& choice() const noexcept override { return name_; }
  void infer(const float*, std::size_t, float*) const override { throw std::runtime_error("not asked here"); }
  std::unique_ptr<learn_rt::Session> open() const override { return std::make_unique<Echo>(); }

 private:
  class Echo final : public learn_rt::Session {
   public:
    void begin(const float* rest) noexcept override { taken_ = rest ? 3 : 0; }
    std::uint32_t step(const float* sample, float* answer) noexcept override {
      std::copy_n(sample, 2, answer);
      if (!std::isfinite(sample[0])) return kRefused;
      return ++taken_ <= 3 ? +kWarmingUp : 0U;
    }
    void settle() noexcept override {}
    void rehearse() noexcept override {}
    void flush(float*, std::uint32_t*) noexcept override {}
    std::size_t n_features() const noexcept override { return 2; }
    std::size_t n_outputs() const noexcept override { return 2; }
    std::size_t preview() const noexcept override { return 0; }

   private:
    int taken_ = 0;
  };
  const Spec spec_ = reference_spec();
  const std::string name_ = "echo";
};

TEST(Fallback, RemembersItsLastAnswersAndNoneThatIsNotOne) {
  Fallback fallback(std::make_shared<EchoModel>(), {}, 8);
  const float nan[2] = {NAN, 0.0F};
  for (std::uint64_t k = 0; k < 20; ++k) {
    const float sample[2] = {static_cast<float>(k), 1.0F};
    fallback.take(k, k == 15 ? nan : sample);
    if (k < 3) {
      EXPECT_EQ(fallback.at(k), nullptr);  // warming up
    }
  }
  EXPECT_EQ(fallback.at(11), nullptr);  // forgotten
  EXPECT_EQ(fallback.at(12)[0], 12.0F);
  EXPECT_EQ(fallback.at(15), nullptr);  // refused
  EXPECT_EQ(fallback.at(19)[0], 19.0F);
  EXPECT_EQ(fallback.at(20), nullptr);
  Fallback rested(std::make_shared<EchoModel>(), {1.0F, 2.0F}, 8);
  const float sample[2] = {1.0F, 2.0F};
  rested.take(0, sample);
  EXPECT_NE(rested.at(0), nullptr);
}

#ifdef LEARN_RT_CAGE
TEST(Fallback, MakesNoSystemCallAndAllocatesNothing) {
  Fallback fallback(std::make_shared<EchoModel>(), {1.0F, 2.0F}, 8);
  const float sample[2] = {1.0F, 2.0F};
  std::size_t there = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    for (std::uint64_t k = 0; k < 100; ++k) {
      fallback.take(k, sample);
      there += fallback.at(k) != nullptr;
    }
  }));
  EXPECT_EQ(there, 100U);
}
#endif

TEST(Fallback, AFolderThatIsNoneIsRefusedByItsName) {
  Loop loop;
  loop.options.on_miss = OnMiss::kFallback;
  EXPECT_NE(error_of([&] { loop.connect(); }).find("go together"), std::string::npos);
  loop.options.fallback_model = "/nowhere/1";
  EXPECT_NE(error_of([&] { loop.connect(); }).find("fallback_model /nowhere/1: "), std::string::npos);
}

}  // namespace
}  // namespace learn_rt::client
