// The real-time paths are run in a cage.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "cage.h"
#include "checks.h"
#include "learn_rt/client.h"
#include "ring.h"
#include "scripted_transport.h"
#include "stream_client.h"

#ifdef LEARN_RT_CAGE
namespace learn_rt::client {
namespace {

TEST(Realtime, TheCageCatchesASystemCallAndAnAllocation) {
  EXPECT_FALSE(runs_without_system_calls([] { syscall(SYS_getppid); }));
  void* volatile memory = nullptr;  // volatile: or the compiler leaves the allocation out
  EXPECT_FALSE(runs_without_system_calls([&] { memory = std::malloc(1); }));
}

TEST(Realtime, ARingMakesNoSystemCallAndAllocatesNothing) {
  SampleRing ring(8, 3);
  std::uint64_t sum = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    for (std::int64_t k = 0; k < 1000; ++k) {
      while (const auto frame = ring.try_claim()) {
        frame.head->stamp_ns = k;
        frame.values[2] = 1.0F;
        ring.publish();
      }
      static_cast<void>(ring.room());
      while (const auto frame = ring.front()) {
        sum += static_cast<std::uint64_t>(frame.head->stamp_ns) + ring.size();
        ring.release(ring.begin() + 1);
      }
    }
  }));
  EXPECT_EQ(sum, 8U * 999U * 1000U / 2U + 36U * 1000U);
}

class RealtimeThread : public ::testing::TestWithParam<bool> {
 protected:
  ~RealtimeThread() override { std::filesystem::remove_all(folder_); }
  const std::string folder_ = testing::TempDir() + "realtime-" + std::to_string(::getpid());
};

TEST_P(RealtimeThread, SpinningMakesNoSystemCallAndAllocatesNothing) {
  const auto script = std::make_shared<Script>();
  ClientOptions options;
  options.wait = Wait::kSpin;
  if (GetParam()) options.record = folder_;
  const auto client = connect(std::make_unique<ScriptedTransport>(script), "reference", options);
  const auto samples = smooth_path(100);
  int answered = 0, missed = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    Prediction prediction;
    for (std::size_t k = 0; k < 100; ++k) {
      prediction = client->predict(&samples[2 * k], std::chrono::seconds(5));
      answered += prediction.flags < kLimited;
      prediction = client->predict(&samples[2 * k], std::chrono::nanoseconds(0));
      missed += prediction.flags >= kLate;
      client->try_push(&samples[2 * k]);
      client->try_pop(prediction);
      client->latest();
      client->rehearse();
    }
    client->flush();
  }));
  EXPECT_GT(answered, 0);
  EXPECT_GT(missed, 0);
}

TEST_P(RealtimeThread, GuardedPlannedAndFaultyItMakesNoneEither) {
  const auto script = std::make_shared<Script>();
  ClientOptions options;
  options.wait = Wait::kSpin;
  if (GetParam()) options.record = folder_;
  options.lead_s = 0.02;
  options.fault_after = 2;
  options.envelope = {{"q", {4.0, 100.0, 1e5}}};
  InputPolicy policy;
  policy.not_finite = OnInput::kHold;
  policy.hold_s = 0.004;
  options.inputs = {policy};
  const auto client = connect(std::make_unique<ScriptedTransport>(script), "reference", options);
  const auto samples = smooth_path(200);
  const float nans[2] = {NAN, NAN};
  std::uint32_t seen = 0;
  EXPECT_TRUE(runs_without_system_calls([&] {
    std::uint64_t pushed = 0;
    while (pushed < 10) client->try_push(&samples[2 * pushed++]);
    for (std::size_t k = 10; k < 200; ++k, ++pushed) {
      const auto deadline = std::chrono::seconds(5);
      seen |= client->predict(k % 50 < 4 ? nans : &samples[2 * k], deadline).flags;
      if (k % 50 == 49) {
        seen |= client->due(pushed - 10).flags;  // twice the same tick: a miss
        client->clear_fault();
      }
    }
  }));
  EXPECT_EQ(seen & (kReplaced | kUnfit | kFault | kLate), kReplaced | kUnfit | kFault | kLate);
  EXPECT_GT(client->stats().answered, 0U);
}

INSTANTIATE_TEST_SUITE_P(Recorded, RealtimeThread, ::testing::Bool());

}  // namespace
}  // namespace learn_rt::client
#endif
