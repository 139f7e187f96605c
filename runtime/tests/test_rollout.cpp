#include <gtest/gtest.h>

#include <cmath>

#include "learn_rt/flags.h"
#include "small_rollout.h"

namespace learn_rt {
namespace {

using testing::SmallRollout;
constexpr std::size_t kRow = SmallRollout::kRow, kStates = SmallRollout::kStates, kWindow = SmallRollout::kWindow;

std::vector<float> wave(std::size_t n) {
  std::vector<float> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<float>(std::sin(0.7 * static_cast<double>(i)));
  return values;
}

// Observes the states of n rows.
std::uint32_t observe(RolloutSession& session, const std::vector<float>& rows, std::size_t n) {
  std::uint32_t flags = 0;
  for (std::size_t t = 0; t < n; ++t) {
    flags = session.observe(&rows[t * kRow], &rows[(t == 0 ? 0 : t - 1) * kRow + kStates]);
  }
  return flags;
}

class Rollout : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(ResetsAfterAndBefore, Rollout, ::testing::Bool());

TEST_P(Rollout, EveryCandidateGetsTheWindowsOwnAnswers) {
  const SmallRollout model(GetParam());
  const auto loaded = model.load();
  const auto rows = wave(40 * kRow);
  const auto actions = wave(120 * 9);
  for (const std::size_t threads : {1, 3}) {
    RolloutLimits limits;
    limits.candidates = 120;
    limits.threads = threads;
    const auto session = loaded->open_rollout(limits);
    ASSERT_EQ(observe(*session, rows, 11), 0U);
    for (const auto& [candidates, horizon] : {std::pair{1, 1}, {1, 9}, {2, 3}, {49, 7}, {120, 9}}) {
      const auto k = static_cast<std::size_t>(candidates), h = static_cast<std::size_t>(horizon);
      std::vector<float> states(k * h * kStates);
      std::vector<std::uint32_t> flags(k, 99);
      ASSERT_EQ(session->rollout(actions.data(), k, h, states.data(), flags.data()), 0U);
      for (std::size_t c = 0; c < k; ++c) {
        const auto expected = model.answer(&rows[(11 - kWindow) * kRow], &actions[c * h], h);
        for (std::size_t i = 0; i < h * kStates; ++i) {
          ASSERT_NEAR(states[c * h * kStates + i], expected[i], 1e-5) << "candidate " << c << " of " << k;
        }
        ASSERT_EQ(flags[c], 0U);
      }
    }
  }
}

TEST_P(Rollout, ThinksNoMoreOfARefusedStatesHistory) {
  const SmallRollout model(GetParam());
  const auto session = model.load()->open_rollout();
  const auto rows = wave(40 * kRow);
  observe(*session, rows, 20);
  const float bad[] = {NAN, 0.0F}, action[] = {0.0F}, wild[] = {2.5F};
  EXPECT_EQ(session->observe(bad, action), kRefused);
  EXPECT_EQ(session->observe(&rows[0], wild), kWarmingUp);  // the first: its action is not looked at
  EXPECT_EQ(session->observe(&rows[0], wild), kRefused);
  EXPECT_EQ(observe(*session, rows, kWindow), 0U);
  const auto actions = wave(5);
  std::vector<float> states(5 * kStates);
  std::uint32_t flags = 0;
  session->rollout(actions.data(), 1, 5, states.data(), &flags);
  const auto expected = model.answer(rows.data(), actions.data(), 5);
  for (std::size_t i = 0; i < states.size(); ++i) EXPECT_NEAR(states[i], expected[i], 1e-5);
}

TEST(RolloutLimit, MoreThanWasOpenedIsRefusedAndNothingIsWritten) {
  const SmallRollout model(true);
  RolloutLimits limits;
  limits.candidates = 2;
  limits.horizon = 3;
  const auto session = model.load()->open_rollout(limits);
  const auto rows = wave(8 * kRow), actions = wave(100);
  observe(*session, rows, 8);
  for (const auto& [candidates, horizon] : {std::pair{3, 1}, {1, 4}, {0, 1}, {1, 0}}) {
    float states = 7.0F;
    std::uint32_t flags = 7;
    EXPECT_EQ(session->rollout(actions.data(), static_cast<std::size_t>(candidates), static_cast<std::size_t>(horizon),
                               &states, &flags),
              kRefused);
    EXPECT_EQ(states, 7.0F);
    EXPECT_EQ(flags, 7U);
  }
}

TEST(RolloutLimit, LimitsThatCannotBeAndOtherKindsAreErrors) {
  const SmallRollout model(true);
  const auto loaded = model.load();
  for (const auto member : {&RolloutLimits::candidates, &RolloutLimits::horizon, &RolloutLimits::threads}) {
    for (const std::size_t value : {std::size_t{0}, std::size_t{70000}}) {
      RolloutLimits limits;
      limits.*member = value;
      EXPECT_THROW(loaded->open_rollout(limits), std::runtime_error);
    }
  }
  EXPECT_THROW(loaded->open(), std::runtime_error);
  EXPECT_THROW(loaded->infer(nullptr, 1, nullptr), std::runtime_error);
}

}  // namespace
}  // namespace learn_rt
