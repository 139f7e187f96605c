#include <gtest/gtest.h>

#include <cmath>

#include "forbidden.h"
#include "learn_rt/flags.h"
#include "learn_rt/signal_session.h"
#include "small_kinds.h"
#include "small_model.h"

namespace learn_rt {
namespace {

using testing::SmallModel;

Signal signal(const std::string& name, std::size_t size, std::size_t history = 1) {
  Signal made;
  made.name = name;
  made.shape = {size};
  made.history = history;
  made.scale.assign(size, 1.0);
  made.offset.assign(size, 0.0);
  return made;
}

// a(t) = (10 t, 10 t + 1), b(t) = 100 + t, five ticks of them; the last sample.
std::vector<float> last_sample(bool time_major, bool newest_first) {
  Spec spec;
  spec.kind = Kind::kPointwise;
  spec.inputs = {signal("a", 2, 3), signal("b", 1, 3)};
  spec.outputs = {signal("y", 1)};
  for (Signal& input : spec.inputs) {
    input.time_major = time_major;
    input.newest_first = newest_first;
  }
  Observation observation(spec);
  std::vector<float> features(observation.n_features());
  for (int t = 0; t < 5; ++t) {
    const auto at = static_cast<float>(t);
    const float values[3] = {10 * at, 10 * at + 1, 100 + at};
    observation.sample(values, features.data());
  }
  return features;
}

TEST(Observation, LaysHistoriesOutInAllFourWays) {
  using Values = std::vector<float>;
  EXPECT_EQ(last_sample(false, false), (Values{20, 21, 30, 31, 40, 41, 102, 103, 104}));
  EXPECT_EQ(last_sample(true, false), (Values{20, 21, 102, 30, 31, 103, 40, 41, 104}));
  EXPECT_EQ(last_sample(false, true), (Values{40, 41, 30, 31, 20, 21, 104, 103, 102}));
  EXPECT_EQ(last_sample(true, true), (Values{40, 41, 104, 30, 31, 103, 20, 21, 102}));
}

TEST(Observation, BringsTheGraphsOwnAnswerBackAndGivesItInUnits) {
  Spec spec;
  spec.kind = Kind::kPointwise;
  spec.inputs = {signal("q", 2), signal("last", 2, 2)};
  spec.inputs[0].scale = {0.5, 2.0};
  spec.inputs[0].offset = {1.0, -1.0};
  spec.outputs = {signal("y", 2)};
  spec.outputs[0].scale = spec.inputs[1].scale = {0.25, 0.5};
  spec.outputs[0].offset = spec.inputs[1].offset = {10.0, 20.0};
  spec.inputs[1].feedback_of = "y";
  Observation observation(spec);
  ASSERT_EQ(observation.n_values(), 2U);
  const float q[2] = {2.0F, 3.0F};
  float x[6], units[2];
  const auto features = [&x] { return std::vector<float>(x, x + 6); };
  observation.sample(q, x);
  EXPECT_EQ(features(), (std::vector<float>{2.0F, 2.0F, 0, 0, 0, 0}));
  const float answers[2][2] = {{0.1F, -0.3F}, {0.7F, 0.9F}};
  observation.answer(answers[0], units);
  EXPECT_FLOAT_EQ(units[0], 0.1F * 0.25F + 10.0F);
  EXPECT_FLOAT_EQ(units[1], -0.3F * 0.5F + 20.0F);
  observation.sample(q, x);
  EXPECT_EQ(features(), (std::vector<float>{2.0F, 2.0F, 0, 0, 0.1F, -0.3F}));  // to the bit
  observation.answer(answers[1], units);
  observation.sample(q, x);
  EXPECT_EQ(features(), (std::vector<float>{2.0F, 2.0F, 0.1F, -0.3F, 0.7F, 0.9F}));
  observation.begin();
  observation.sample(q, x);
  EXPECT_EQ(features(), (std::vector<float>{2.0F, 2.0F, 0, 0, 0, 0}));
}

TEST(Observation, AnAnswerComesBackInTheInputsOwnUnit) {
  Spec spec;
  spec.kind = Kind::kPointwise;
  spec.inputs = {signal("q", 1), signal("target", 1)};
  spec.outputs = {signal("y", 1)};
  spec.outputs[0].scale = {0.25};
  spec.outputs[0].offset = {10.0};
  spec.inputs[1].feedback_of = "y";
  spec.inputs[1].scale = {2.0};
  Observation observation(spec);
  const float q = 0.0F, y = 8.0F;
  float x[2], unit;
  observation.sample(&q, x);
  observation.answer(&y, &unit);
  EXPECT_FLOAT_EQ(unit, 12.0F);
  observation.sample(&q, x);
  EXPECT_FLOAT_EQ(x[1], 6.0F);
}

std::string refusal(const Model& model, const SignalOptions& options) {
  try {
    SignalSession session(model, options);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

TEST(SignalSession, GivesWhatTheSessionGives) {
  const SmallModel small;
  const auto model = small.load();
  const auto plain = model->open();
  SignalSession named(*model);
  const auto samples = SmallModel::walk(50);
  std::vector<float*> inputs;
  for (const Signal& input : model->spec().inputs) inputs.push_back(named.input(input.name));
  for (std::size_t k = 0; k < 50; ++k) {
    const float* sample = &samples[k * SmallModel::kFeatures];
    float y[SmallModel::kOutputs];
    for (std::size_t i = 0; i < inputs.size(); ++i) *inputs[i] = sample[i];
    EXPECT_EQ(named.step(), plain->step(sample, y));
    named.settle();
    EXPECT_EQ(*named.output(model->spec().outputs[0].name), y[0]);
    EXPECT_EQ(*named.output(model->spec().outputs[1].name), y[1]);
  }
}

TEST(SignalSession, RunsTheModelEverySoManyTicksAndGivesALineBetween) {
  const SmallModel small;
  const auto model = small.load();
  const auto plain = model->open();
  SignalOptions options;
  options.every = 4;
  SignalSession held(*model, options);
  options.between = Between::kLinear;
  SignalSession lined(*model, options);
  const auto samples = SmallModel::walk(200);
  const std::string name = model->spec().outputs[0].name;
  float y[SmallModel::kOutputs], before = 0;
  for (std::size_t k = 0; k < 200; ++k) {
    const float* sample = &samples[k * SmallModel::kFeatures];
    if (k % 4 == 0) {
      before = k == 0 ? 0.0F : y[0];
      plain->step(sample, y);
    }
    std::size_t i = 0;
    for (const Signal& input : model->spec().inputs) {
      *held.input(input.name) = *lined.input(input.name) = sample[i++];
    }
    held.step();
    lined.step();
    EXPECT_EQ(*held.output(name), y[0]) << k;
    const float part = static_cast<float>(k % 4 + 1) / 4;
    EXPECT_NEAR(*lined.output(name), before + (y[0] - before) * part, 1e-6) << k;
  }
}

TEST(SignalSession, StepAndSettleDoNothingForbidden) {
  if (!testing::kCanForbid) GTEST_SKIP() << "sanitizers take memory and make system calls themselves";
  for (const auto& [name, model] : testing::small_kinds()) {
    SignalOptions options;
    options.every = 3;
    options.between = Between::kLinear;
    SignalSession session(*model, options);
    std::vector<float*> inputs;
    for (const Signal& input : model->spec().inputs) inputs.push_back(session.input(input.name));
    const auto samples = SmallModel::walk(300);
    EXPECT_EQ(testing::what_ends([&] {
                for (std::size_t k = 0; k < 300; ++k) {
                  for (std::size_t i = 0; i < inputs.size(); ++i) *inputs[i] = samples[k * inputs.size() + i];
                  if (k == 100) *inputs[0] = NAN;
                  if (k == 200) session.begin();
                  session.step();
                  session.settle();
                }
              }),
              "nothing")
        << name;
  }
}

TEST(SignalSession, RefusesWhatIsNotTheModelsByName) {
  const SmallModel small;
  const auto model = small.load();
  const std::string first = model->spec().inputs[0].name;
  SignalOptions options;
  options.elements = {{"torso", {"x"}}};
  EXPECT_NE(refusal(*model, options).find("the model has no signal \"torso\": it takes " + first), std::string::npos);
  options.elements = {{first, {"x"}}};
  EXPECT_NE(refusal(*model, options).find("names no elements"), std::string::npos);
  options.elements.clear();
  options.every = 0;
  EXPECT_EQ(refusal(*model, options), "every must be 1 or more");
  SignalSession session(*model);
  EXPECT_THROW(session.input("torso"), std::runtime_error);
  EXPECT_THROW(session.output(first), std::runtime_error);
}

}  // namespace
}  // namespace learn_rt
