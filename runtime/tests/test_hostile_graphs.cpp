// Graphs with flipped bits, and what an attacker would write, end in an exception or a plan that can run: under the
// sanitizers this shows that nothing is read or written out of bounds.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <random>

#include "lanes.h"
#include "refusal.h"
#include "small_model.h"

namespace learn_rt {
namespace {

using testing::OnnxWriter;
using testing::SmallModel;

std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(HostileGraph, FlippedBitsNeverLeadOutOfBounds) {
  const SmallModel model;
  const Spec spec = Spec::parse(read(model.folder() / "spec.json"));
  const std::string whole = read(model.folder() / "step.onnx");
  const auto samples = SmallModel::walk(10);
  std::mt19937 random(11);
  std::uniform_int_distribution<std::size_t> place(0, whole.size() - 1);
  int refused = 0;
  for (int k = 0; k < 4000; ++k) {
    std::string bytes = whole;
    for (int flips = k % 3; flips >= 0; --flips) bytes[place(random)] ^= static_cast<char>(1 << random() % 8);
    try {
      const LanePlan plan = LanePlan::make(bytes, spec);
      LaneStream stream(plan);
      float y[SmallModel::kOutputs];
      for (std::size_t t = 0; t < 10; ++t) stream.step(&samples[t * SmallModel::kFeatures], y);
    } catch (const std::runtime_error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

// What lowering a graph of one node with these integers as its second and later inputs says.
std::string refusal(const std::string& op, const std::vector<std::vector<std::int64_t>>& inputs,
                    const std::vector<OnnxWriter::Attribute>& attributes = {}) {
  return testing::refusal([&](OnnxWriter& writer) {
    std::vector<std::string> names{"x"};
    for (const auto& values : inputs) {
      names.push_back("i" + std::to_string(names.size()));
      writer.integers(names.back(), values);
    }
    writer.node(op, names, {"y"}, attributes);
  });
}

TEST(HostileGraph, NumbersThatLeadOutOfATensorAreRefused) {
  constexpr std::int64_t kHuge = INT64_MAX, kLow = INT64_MIN;
  EXPECT_NE(refusal("Reshape", {{kHuge, kHuge}}), "");
  EXPECT_NE(refusal("Reshape", {{-1, -1}}), "");
  EXPECT_NE(refusal("Reshape", {{-1, 0, 0}}), "");
  EXPECT_NE(refusal("Gather", {{4}}, {{"axis", 1}}), "");
  EXPECT_NE(refusal("Gather", {{kLow}}, {{"axis", 1}}), "");
  EXPECT_NE(refusal("Gather", {{0}}, {{"axis", kLow}}), "");
  EXPECT_NE(refusal("Slice", {{0}, {1}, {kHuge}}), "");
  EXPECT_NE(refusal("Slice", {{0}, {1}, {1}, {0}}), "");
  EXPECT_NE(refusal("Slice", {{0}, {1}, {1}, {kLow}}), "");
  EXPECT_NE(refusal("Slice", {{0, 1}, {1}}), "");
  EXPECT_EQ(refusal("Slice", {{kHuge}, {kLow}, {1}, {-1}}), "");  // as the standard clamps it: all, backwards
  EXPECT_EQ(refusal("Slice", {{0}, {kHuge}, {1}, {kHuge}}), "");
  EXPECT_NE(refusal("Split", {{-1, 5}}, {{"axis", 1}}), "");
  EXPECT_NE(refusal("Split", {{5}}, {{"axis", 1}}), "");
  EXPECT_NE(refusal("Expand", {{kHuge, 4}}), "");
  EXPECT_NE(refusal("Expand", {{1 << 14, 1 << 14, 4}}), "");
  EXPECT_NE(refusal("Unsqueeze", {{0, 0}}), "");
  EXPECT_NE(refusal("Unsqueeze", {{9}}), "");
  EXPECT_NE(refusal("Squeeze", {{1}}), "");
  EXPECT_NE(refusal("ReduceSum", {{2}}), "");
  EXPECT_NE(refusal("Flatten", {}, {{"axis", 7}}), "");
  EXPECT_NE(refusal("Concat", {{1}}, {{"axis", 0}}), "");
  EXPECT_NE(refusal("Hardmax", {}), "");
}

TEST(HostileGraph, WholeNumbersAsWeightsAreRefused) {
  EXPECT_NE(refusal("MatMul", {{1, 2, 3, 4}}), "");
  const auto matrix = [](OnnxWriter& w, std::int64_t columns) {
    w.integers("numbers", std::vector<std::int64_t>(static_cast<std::size_t>(4 * columns), 1));
    w.integers("shape", {4, columns});
    w.node("Reshape", {"numbers", "shape"}, {"w"});
  };
  for (const char* op : {"MatMul", "Gemm"}) {
    for (const std::int64_t columns : {1, 8}) {
      EXPECT_NE(testing::refusal([&](OnnxWriter& w) {
                  matrix(w, columns);
                  w.node(op, {"x", "w"}, {"y"});
                }),
                "")
          << op << columns;
    }
  }
}

TEST(HostileGraph, AConstantWithoutItsTensorIsRefused) {
  EXPECT_NE(testing::refusal([](OnnxWriter& w) {
              w.node("Constant", {}, {"c"}, {{"value", 0}});  // a number where a tensor must be
              w.node("Add", {"x", "c"}, {"y"});
            }),
            "");
}

TEST(HostileGraph, NothingTimesAGreatDealIsRefusedAtOnce) {
  for (const std::int64_t huge : {std::int64_t{1} << 24, std::int64_t{1} << 62}) {
    const auto empty = [huge](OnnxWriter& w) {
      w.integers("shape", {huge, 0});
      w.node("ConstantOfShape", {"shape"}, {"c"});
    };
    EXPECT_NE(testing::refusal([&](OnnxWriter& w) {
                empty(w);
                w.integers("zero", {0});
                w.integers("end", {INT64_MAX});
                w.node("Slice", {"c", "zero", "end", "zero"}, {"y"});
              }),
              "");
    EXPECT_NE(testing::refusal([&](OnnxWriter& w) {
                empty(w);
                w.node("Concat", std::vector<std::string>(1000, "c"), {"y"}, {{"axis", 1}});
              }),
              "");
  }
}

TEST(HostileGraph, WeightsAreCountedEachTimeTheyArePacked) {
  EXPECT_NE(testing::refusal([](OnnxWriter& w) {
              w.integers("shape", {2048, 2048});
              w.integers("row", {1, 2048});
              w.node("ConstantOfShape", {"shape"}, {"w"});  // 16 MiB from 60 bytes
              w.integers("first", {0});
              w.integers("second", {1});
              w.node("Slice", {"x", "first", "second", "second"}, {"x0"});
              w.node("Expand", {"x0", "row"}, {"h0"});
              for (int k = 0; k < 1000; ++k) {
                w.node("MatMul", {"h" + std::to_string(k), "w"}, {"h" + std::to_string(k + 1)});
              }
              w.node("Identity", {"h1000"}, {"y"});
            }),
            "");
}

TEST(HostileGraph, ProductsWithoutEndAreRefusedBeforeTheyAreComputed) {
  EXPECT_NE(testing::refusal([](OnnxWriter& w) {
              w.integers("shape", {4096, 4096});
              w.node("ConstantOfShape", {"shape"}, {"w"});
              w.node("MatMul", {"w", "w"}, {"y"});
            }),
            "");
}

}  // namespace
}  // namespace learn_rt
