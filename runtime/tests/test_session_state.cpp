// A session that goes on from another's state, and states that nobody saved.

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "learn_rt/flags.h"
#include "session_state.h"
#include "small_kinds.h"
#include "small_model.h"

namespace learn_rt {
namespace {

using testing::SmallModel;
constexpr std::size_t kFeatures = SmallModel::kFeatures, kOutputs = SmallModel::kOutputs, kSamples = 400;

std::shared_ptr<const Model> kind(const std::string& name) {
  for (const testing::SmallKind& each : testing::small_kinds()) {
    if (each.name == name) return each.model;
  }
  return nullptr;
}

struct Answers {
  std::vector<float> values;
  std::vector<std::uint32_t> flags;
};

Answers run(Session& session, const std::vector<float>& samples, std::size_t from, std::size_t to) {
  Answers answers{std::vector<float>((to - from) * kOutputs), std::vector<std::uint32_t>(to - from)};
  session.run(&samples[from * kFeatures], to - from, answers.values.data(), answers.flags.data());
  return answers;
}

std::vector<char> state_of(Session& session) {
  std::vector<char> state(session.state_size());
  session.save(state.data());
  return state;
}

void expect_same(const Answers& a, const Answers& b) {
  ASSERT_EQ(a.values.size(), b.values.size());
  EXPECT_EQ(std::memcmp(a.values.data(), b.values.data(), a.values.size() * sizeof(float)), 0);
  EXPECT_EQ(a.flags, b.flags);
}

std::string refusal(Session& session, const std::vector<char>& state) {
  try {
    session.restore(state.data(), state.size());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

class StatefulModel : public ::testing::TestWithParam<bool> {
 protected:
  const std::shared_ptr<const Model> model_ = GetParam() ? kind("stateful") : testing::leaking_state();
  std::vector<float> samples_ = SmallModel::walk(kSamples);
};
INSTANTIATE_TEST_SUITE_P(SessionState, StatefulModel, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "WithAnEnvelope" : "ThatNeverForgets"; });

TEST_P(StatefulModel, GoesOnFromAStateAsIfNothingHadBeen) {
  samples_[200 * kFeatures] = NAN;  // refused: it begins again
  for (const std::size_t place : {0U, 1U, 17U, 199U, 201U, 399U}) {
    const auto first = model_->open(), second = model_->open();
    EXPECT_EQ(first->state_size(), state_size(model_->spec()));
    run(*second, SmallModel::walk(30, 9), 0, 30);  // another past
    if (place > 0) run(*first, samples_, 0, place);
    const std::vector<char> state = state_of(*first);
    second->restore(state.data(), state.size());
    expect_same(run(*second, samples_, place, kSamples), run(*first, samples_, place, kSamples));
  }
}

TEST_P(StatefulModel, IsLeftAsItWasByAStateThatIsNone) {
  const auto unbroken = model_->open(), session = model_->open();
  run(*unbroken, samples_, 0, 100);
  run(*session, samples_, 0, 100);
  const std::vector<char> state = state_of(*session);
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, state.size() - 1, state.size() + 1}) {
    std::vector<char> cut = state;
    cut.resize(size);
    EXPECT_NE(refusal(*session, cut).find(" bytes, got " + std::to_string(size)), std::string::npos);
  }
  for (std::size_t at = kStateHead; at < state.size(); at += sizeof(float)) {
    std::vector<char> broken = state;
    for (std::size_t i = 0; i < sizeof(float); ++i) broken[at + i] = '\xFF';  // not a number, of either width
    const bool low_half = GetParam() && at >= kStateHead + kFeatures * sizeof(float) &&
                          at < kStateHead + kFeatures * sizeof(float) + kOutputs * kLimiterState &&
                          (at - kStateHead - kFeatures * sizeof(float)) % sizeof(double) == 0;
    if (!low_half) EXPECT_NE(refusal(*session, broken), "") << at;  // the low half of a double may be anything
  }
  std::vector<char> count = state;
  count[kIdentity] = 100;
  EXPECT_NE(refusal(*session, count).find("a count"), std::string::npos);
  expect_same(run(*session, samples_, 100, kSamples), run(*unbroken, samples_, 100, kSamples));
}

TEST_P(StatefulModel, RefusesAStateOfAnotherModel) {
  const auto session = model_->open(), other = (GetParam() ? testing::leaking_state() : kind("stateful"))->open();
  std::vector<char> state = state_of(*other);
  state.resize(session->state_size());
  EXPECT_NE(refusal(*session, state).find("is another model's"), std::string::npos);
}

TEST_P(StatefulModel, AnswersInsideTheEnvelopeWhateverIsInAState) {
  const auto session = model_->open();
  run(*session, samples_, 0, 100);
  const std::vector<char> state = state_of(*session);
  std::mt19937 random(3);
  std::size_t taken = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<char> changed = state;
    for (std::size_t i = kIdentity; i < changed.size(); ++i)
      if (random() % 8 == 0) changed[i] = static_cast<char>(random());
    for (std::size_t i = kIdentity; i < kStateHead; ++i) changed[i] = trial % 2 == 0 ? state[i] : changed[i];
    taken += refusal(*session, changed).empty();
    const Answers answers = run(*session, samples_, 100, 110);
    for (const float value : answers.values) ASSERT_TRUE(std::fabs(value) <= (GetParam() ? 0.05F : 3e38F)) << value;
  }
  EXPECT_GT(taken, 0U);
}

TEST(SessionState, OfAWindowIsNotTaken) {
  for (const char* name : {"pointwise", "whole window", "lanes"}) {
    const auto session = kind(name)->open();
    EXPECT_EQ(session->state_size(), 0U) << name;
    EXPECT_EQ(state_size(kind(name)->spec()), 0U);
    session->save(nullptr);
    EXPECT_NE(refusal(*session, {'x'}).find("cannot be taken"), std::string::npos);
  }
}

}  // namespace
}  // namespace learn_rt
