// What the native engine lacks is one error that names the node, the operator and the attribute.

#include <gtest/gtest.h>

#include "refusal.h"

namespace learn_rt {
namespace {

using testing::OnnxWriter;
using testing::refusal;

TEST(Lowering, SaysAllOperatorsThatAreLackingAtOnce) {
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Einsum", {"x"}, {"a"});
              w.node("Relu", {"a"}, {"b"});
              w.node("NonZero", {"b"}, {"c"});
              w.node("Einsum", {"c"}, {"y"});
            }),
            "the native engine lacks the operators Einsum (node \"node_Einsum\"), NonZero (node \"node_NonZero\")");
}

TEST(Lowering, NamesGraphsInsideOfNodes) {
  for (const char* op : {"If", "Loop", "Scan"}) {
    EXPECT_EQ(refusal([op](OnnxWriter& w) {
                w.node(op, {"x"}, {"y"}, {{"body", 0, {}, OnnxWriter::kGraph}});
              }),
              "the native engine lacks the operator " + std::string(op) + " (node \"node_" + op + "\")");
  }
}

TEST(Lowering, NamesTheAttribute) {
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Relu", {"x"}, {"y"}, {{"slope", 1}});
            }),
            "Relu \"node_Relu\": attribute slope is not supported");
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Softmax", {"x"}, {"y"}, {{"axis", 0, {1}}});
            }),
            "Softmax \"node_Softmax\": attribute axis is of kind 7, expected kind 2");
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Softmax", {"x"}, {"y"}, {{"axis", 5}});
            }),
            "Softmax \"node_Softmax\": axis 5 of 2 dimensions");
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Cast", {"x"}, {"y"}, {{"to", 10}});
            }),
            "Cast \"node_Cast\": to = 10 is not supported");
}

TEST(Lowering, NamesWhatARecurrentNodeDoesNotDo) {
  const auto lstm = [](const std::vector<OnnxWriter::Attribute>& attributes) {
    return refusal([&](OnnxWriter& w) {
      w.integers("shape", {1, 1, 4});
      w.node("Reshape", {"x", "shape"}, {"row"});
      w.floats("w", {1, 12, 4}, std::vector<float>(48, 0.1F));
      w.floats("r", {1, 12, 3}, std::vector<float>(36, 0.1F));
      std::vector<OnnxWriter::Attribute> all = attributes;
      all.push_back({"hidden_size", 3});
      w.node("LSTM", {"row", "w", "r"}, {"y"}, all);
    });
  };
  EXPECT_EQ(lstm({}), "");
  EXPECT_EQ(lstm({{"direction", 0, {}, OnnxWriter::kText, "reverse"}}),
            "LSTM \"node_LSTM\": attribute direction = reverse is not supported, only forward");
  EXPECT_EQ(lstm({{"clip", 1}}), "LSTM \"node_LSTM\": attribute clip is not supported");
  EXPECT_EQ(lstm({{"input_forget", 1}}), "LSTM \"node_LSTM\": attribute input_forget = 1 is not supported");
}

TEST(Lowering, NamesWhatIsNotThere) {
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("Add", {"x", "later"}, {"y"});  // a circle
              w.node("Add", {"y", "x"}, {"later"});
            }),
            "Add \"node_Add\": reads \"later\", which nothing before it writes");
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("MatMul", {"x", "weights"}, {"y"});
            }),
            "MatMul \"node_MatMul\": reads \"weights\", which nothing before it writes");
}

TEST(Lowering, TakesNoWholeNumbersForFloats) {
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("ArgMax", {"x"}, {"best"}, {{"axis", 1}});
              w.node("Div", {"best", "best"}, {"y"});
            }),
            "Div \"node_Div\": whole numbers where floats are expected");
  EXPECT_EQ(refusal([](OnnxWriter& w) {
              w.node("ArgMax", {"x"}, {"y"}, {{"axis", 1}});
            }),
            "the graph output \"y\" holds whole numbers: end it with a Cast to float");
}

}  // namespace
}  // namespace learn_rt
