// Convolutions and pools with attributes that an attacker would write: one error that names node, operator and
// attribute, before memory or time is taken.

#include <gtest/gtest.h>

#include <random>

#include "frame.h"
#include "lowering.h"
#include "onnx_writer.h"

namespace learn_rt {
namespace {

using testing::OnnxWriter;
using Attributes = std::vector<OnnxWriter::Attribute>;

constexpr std::int64_t kHuge = std::int64_t{1} << 62, kLow = INT64_MIN;

// What lowering one node on x [1, 4, 10] says; its weights are [6, 4, 3].
std::string refusal(const std::string& op, const Attributes& attributes) {
  OnnxWriter writer;
  writer.input("x", {-1, 4, 10});
  std::vector<std::string> inputs{"x"};
  if (op == "Conv") {
    writer.floats("w", {6, 4, 3}, std::vector<float>(72, 1.0F));
    inputs.push_back("w");
  }
  writer.node(op, inputs, {"y"}, attributes);
  writer.output("y");
  try {
    lower(read_onnx(writer.model()), {{"x", {1, 4, 10}}});
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

void expect_named(const std::string& op, const std::string& attribute, const std::vector<std::int64_t>& list) {
  Attributes attributes{{attribute, 0, list}};
  if (op != "Conv" && attribute != "kernel_shape") attributes.push_back({"kernel_shape", 0, {3}});
  const std::string said = refusal(op, attributes);
  EXPECT_EQ(said.rfind(op + " \"node_" + op + "\": ", 0), 0U) << said;
  EXPECT_NE(said.find(attribute), std::string::npos) << op << " " << attribute << ": " << said;
}

TEST(HostileWindow, AttributesThatMakeNoSenseAreNamed) {
  for (const char* op : {"Conv", "MaxPool", "AveragePool"}) {
    for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-1}, kLow, kHuge}) {
      expect_named(op, "strides", {bad});
      expect_named(op, "dilations", {bad});
      expect_named(op, "kernel_shape", {bad});
      if (bad != 0) expect_named(op, "pads", {bad, 0});
      if (bad != 0) expect_named(op, "pads", {0, bad});
    }
    expect_named(op, "strides", {1, 1});
    expect_named(op, "pads", {1});
    expect_named(op, "kernel_shape", {3, 3});
  }
  EXPECT_NE(refusal("MaxPool", {}).find("kernel_shape is missing"), std::string::npos);
  EXPECT_NE(refusal("Conv", {{"group", 0}}).find("group 0"), std::string::npos);
  EXPECT_NE(refusal("Conv", {{"group", 3}}).find("group 3"), std::string::npos);
  EXPECT_NE(refusal("Conv", {{"group", kLow}}).find("group"), std::string::npos);
}

TEST(HostileWindow, WindowsLargerThanTheirInputAreRefused) {
  EXPECT_NE(refusal("Conv", {{"dilations", 0, {5}}}).find("reaches 11 elements of the 10"), std::string::npos);
  EXPECT_NE(refusal("MaxPool", {{"kernel_shape", 0, {11}}}), "");
  EXPECT_NE(refusal("MaxPool", {{"kernel_shape", 0, {1 << 24}}}), "");
}

TEST(HostileWindow, PadsTakeNoMemoryAndNoTimeBeforeTheyAreRefused) {
  const std::int64_t most = 1 << 24;
  EXPECT_NE(refusal("Conv", {{"pads", 0, {most, most}}}), "");
  EXPECT_NE(refusal("AveragePool", {{"kernel_shape", 0, {most}}, {"pads", 0, {most - 10, 0}}}), "");
  EXPECT_NE(refusal("AveragePool", {{"kernel_shape", 0, {1 << 20}}, {"pads", 0, {1 << 21, 1 << 21}}}), "");
  EXPECT_NE(refusal("MaxPool", {{"kernel_shape", 0, {1 << 20}}, {"pads", 0, {1 << 21, 0}}}), "");
}

// x [1, 12, 3] -> Transpose -> Conv, BatchNormalization, MaxPool, Conv -> AveragePool -> Softmax.
std::string small_convolution() {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  const auto draw = [&](std::size_t n) {
    std::vector<float> values(n);
    for (float& v : values) v = normal(random);
    return values;
  };
  OnnxWriter w;
  w.input("x", {-1, 12, 3});
  w.floats("w1", {5, 3, 3}, draw(45));
  w.floats("b1", {5}, draw(5));
  for (const char* name : {"scale", "offset", "mean"}) w.floats(name, {5}, draw(5));
  w.floats("var", {5}, std::vector<float>(5, 2.0F));
  w.floats("w2", {10, 1, 2}, draw(20));
  w.node("Transpose", {"x"}, {"t"}, {{"perm", 0, {0, 2, 1}}});
  w.node("Conv", {"t", "w1", "b1"}, {"c1"}, {{"pads", 0, {1, 1}}, {"dilations", 0, {1}}});
  w.node("BatchNormalization", {"c1", "scale", "offset", "mean", "var"}, {"n"});
  w.node("MaxPool", {"n"}, {"m"}, {{"kernel_shape", 0, {2}}, {"strides", 0, {2}}});
  w.node("Conv", {"m", "w2"}, {"c2"}, {{"group", 5}, {"strides", 0, {2}}});
  w.node("AveragePool", {"c2"}, {"a"}, {{"kernel_shape", 0, {2}}, {"ceil_mode", 1}, {"pads", 0, {1, 0}}});
  w.node("Flatten", {"a"}, {"f"});
  w.node("Softmax", {"f"}, {"y"});
  w.output("y");
  return w.model();
}

TEST(HostileWindow, FlippedBitsNeverLeadOutOfBounds) {
  const std::string whole = small_convolution();
  std::mt19937 random(11);
  std::uniform_int_distribution<std::size_t> place(0, whole.size() - 1);
  int refused = 0;
  for (int k = 0; k < 4000; ++k) {
    std::string bytes = whole;
    for (int flips = k % 3; flips >= 0; --flips) bytes[place(random)] ^= static_cast<char>(1 << random() % 8);
    if (k == 0) bytes = whole;
    try {
      const Program program = lower(read_onnx(bytes), {{"x", {1, 12, 3}}});
      Frame frame(program, std::vector<std::size_t>(program.buffers.size(), 1));
      const Result x = frame.at(program.input("x"));
      std::fill(x.data, x.data + 36, 0.5F);
      for (std::size_t i = 0; i < program.instructions.size(); ++i) frame.run(i, 0, 1);
    } catch (const std::runtime_error& error) {
      ASSERT_NE(k, 0) << error.what();
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace learn_rt
