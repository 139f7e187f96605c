// step(), settle(), rehearse() and save() take no memory and no lock, make no system call and throw nothing: every kind
// of model, in every state of a session, with every instruction set of this machine.

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "forbidden.h"
#include "kernels/kernels.h"
#include "learn_rt/flags.h"
#include "small_kinds.h"
#include "small_model.h"
#include "small_rollout.h"

namespace learn_rt {
namespace {

using testing::SmallModel;
using testing::SmallRollout;
using testing::what_ends;

constexpr std::size_t kSamples = 600;

// A walk with everything in it that a session meets.
std::vector<float> eventful_walk() {
  std::vector<float> samples = SmallModel::walk(kSamples);
  const auto at = [&samples](std::size_t k) -> float& { return samples[k * SmallModel::kFeatures]; };
  for (std::size_t k = 150; k < 200; ++k) at(k) *= 1e-42F;
  for (std::size_t k = 200; k < 250; ++k) at(k) += 20.0F;  // further than training saw
  at(300) = NAN;
  at(400) = 3e38F;  // the arithmetic may overflow
  return samples;
}

// Leads a session through its states; returns the flags that it gave, all together.
std::uint32_t use(Session& session, const std::vector<float>& samples, std::vector<float>& answers,
                  std::vector<std::uint32_t>& flags, std::vector<char>& state) LEARN_RT_REALTIME {
  std::uint32_t seen = 0;
  float* y = answers.data();
  const auto flush = [&] {
    session.flush(y, flags.data());
    for (std::size_t i = 0; i < session.preview(); ++i) seen |= flags[i];
  };
  session.begin(nullptr);
  flush();
  for (std::size_t k = 0; k < kSamples;
       ++k) {  // settled after the answer, with the next sample, and now and then twice
    seen |= session.step(&samples[k * session.n_features()], y);
    if (k % 3 != 0) session.settle();
    if (k % 7 == 0) session.settle();
    if (k % 5 == 0) session.rehearse();
    if (k % 11 == 0) session.save(state.data());
  }
  flush();
  session.begin(samples.data());
  session.run(samples.data(), kSamples, y, flags.data());
  for (std::size_t k = 0; k < kSamples; ++k) seen |= flags[k];
  session.settle();
  session.begin(&samples[300 * session.n_features()]);  // a rest that is refused
  flush();
  return seen;
}

std::uint32_t use(RolloutSession& session, const std::vector<float>& rows, const std::vector<float>& actions,
                  std::vector<float>& states, std::vector<std::uint32_t>& flags) LEARN_RT_REALTIME {
  constexpr std::size_t kRow = SmallRollout::kRow, kStates = SmallRollout::kStates;
  std::uint32_t seen = 0;
  for (const float* rest : {rows.data(), static_cast<const float*>(nullptr), &rows[60]}) {
    session.begin(rest);
    for (std::size_t t = 1; t < rows.size() / kRow; ++t) {
      seen |= session.observe(&rows[t * kRow], &rows[(t - 1) * kRow + kStates]);
      seen |= session.rollout(actions.data(), 1 + 37 * t % 100, 1 + t % 10, states.data(), flags.data());
    }
  }
  return seen | session.rollout(actions.data(), 0, 1, states.data(), flags.data());
}

// Names what ended whom, one a line; empty: nobody was ended.
std::string ended() {
  std::string found;
  const auto note = [&found](const std::string& name, const std::string& cause) {
    if (cause != "nothing") found += name + ": " + cause + "\n";
  };
  const std::vector<float> samples = eventful_walk();
  for (const testing::SmallKind& kind : testing::small_kinds()) {
    const auto session = kind.model->open();
    std::vector<float> answers(kSamples * session->n_outputs());
    std::vector<std::uint32_t> flags(kSamples);
    std::vector<char> state(session->state_size());
    std::uint32_t seen = 0;
    note(kind.name, what_ends([&] { seen = use(*session, samples, answers, flags, state); }));
    std::uint32_t all = kRefused | kOutOfTrainedRange | kLimited;
    if (kind.model->spec().window > 1) all |= kWarmingUp;
    if ((seen & all) != all) found += kind.name + ": was not in every state, flags " + std::to_string(seen) + "\n";
  }
  for (const bool resets_after : {false, true}) {
    const auto session = SmallRollout(resets_after).load()->open_rollout();
    std::vector<float> rows = SmallModel::walk(50), actions(1000, 0.5F), states(2000);
    std::vector<std::uint32_t> flags(100);
    rows[60] = NAN;
    actions[500] = NAN;
    std::uint32_t seen = 0;
    note("rollout", what_ends([&] { seen = use(*session, rows, actions, states, flags); }));
    if ((seen & (kRefused | kWarmingUp)) != (kRefused | kWarmingUp)) found += "rollout: was not in every state\n";
  }
  return found;
}

class RealTime : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::kCanForbid) GTEST_SKIP() << "a sanitizer takes memory and makes system calls itself";
  }
};
using RealTimeDeathTest = RealTime;

TEST_F(RealTime, EveryKindInEveryStateDoesNothingForbidden) { EXPECT_EQ(ended(), ""); }

// The choice is made once a process, so each is tried in a child.
TEST_F(RealTimeDeathTest, SoItIsWithEachInstructionSet) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    EXPECT_EXIT(
        {
          hwy::SetSupportedTargetsForTest(target);
          const std::string found = ended();
          std::fprintf(stderr, "%s: %s.", elementwise_kernels().target, found.empty() ? "none ended" : found.c_str());
          std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), std::string(hwy::TargetName(target)) + ": none ended");
  }
}

// Only the native engine promises this: what it is not promised for is seen.
TEST_F(RealTime, ARolloutOnTwoThreadsIsSeenToLock) {
  RolloutLimits limits;
  limits.threads = 2;
  const auto session = SmallRollout(true).load()->open_rollout(limits);
  const std::vector<float> rows = SmallModel::walk(5), actions(1000, 0.5F);
  std::vector<float> states(2000);
  std::vector<std::uint32_t> flags(100);
  session->begin(rows.data());
  EXPECT_EQ(what_ends([&] { session->rollout(actions.data(), 100, 10, states.data(), flags.data()); }), "lock");
}

}  // namespace
}  // namespace learn_rt
