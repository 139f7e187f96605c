// Functions of one element.

#include <cmath>
#include <stdexcept>

#include "lowering.h"
#include "operation_functions.h"

namespace learn_rt {
namespace {

template <Unary kKind>
void unary(NodeContext& node) {
  node.output(0, node.b.unary(kKind, node.input(0)));
}

// With the attribute alpha, and what it is when it is not given.
template <Unary kKind>
void with_alpha(NodeContext& node, float otherwise) {
  node.output(0, node.b.unary(kKind, node.input(0), node.number("alpha", otherwise)));
}

template <float (*kFunction)(float)>
void library(NodeContext& node) {
  const Shape shape = node.shape(0);
  const auto operation = std::make_shared<LibraryOperation>(kFunction, node.b.size(node.input(0)));
  node.output(0, node.b.emit(operation, {node.input(0)}, shape));
}

void gelu(NodeContext& node) {
  const std::string approximate = node.text("approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    throw std::runtime_error("approximate = " + approximate.substr(0, 32) + " is not supported");
  }
  node.output(0, node.b.unary(approximate == "none" ? kGelu : kGeluTanh, node.input(0)));
}

// x sigmoid(alpha x)
void swish(NodeContext& node) {
  const float alpha = node.number("alpha", 1.0F);
  const ValueId x = node.input(0), inner = alpha == 1.0F ? x : node.b.binary(kMul, x, scalar(node, alpha));
  node.output(0, node.b.binary(kMul, x, node.b.unary(kSigmoid, inner)));
}

void hard_sigmoid(NodeContext& node) {
  const float alpha = node.number("alpha", 0.2F), beta = node.number("beta", 0.5F);
  node.output(0, node.b.unary(kHardSigmoid, node.input(0), alpha, beta));
}

void hard_swish(NodeContext& node) {
  const ValueId x = node.input(0);
  node.output(0, node.b.binary(kMul, x, node.b.unary(kHardSigmoid, x, 1.0F / 6.0F, 0.5F)));
}

void selu(NodeContext& node) {
  const float alpha = node.number("alpha", 1.67326319F), gamma = node.number("gamma", 1.05070102F);
  node.output(0, node.b.binary(kMul, node.b.unary(kElu, node.input(0), alpha), scalar(node, gamma)));
}

// alpha elu(x / alpha)
void celu(NodeContext& node) {
  const ValueId alpha = scalar(node, node.number("alpha", 1.0F));
  node.output(0, node.b.binary(kMul, node.b.unary(kElu, node.b.binary(kDiv, node.input(0), alpha), 1.0F), alpha));
}

// max(x, 0) + slope min(x, 0)
void prelu(NodeContext& node) {
  const ValueId zero = scalar(node, 0.0F), x = node.input(0);
  const ValueId below = node.b.binary(kMul, node.b.binary(kMin, zero, x), node.input(1));
  const ValueId y = node.b.binary(kAdd, node.b.binary(kMax, zero, x), below);
  if (node.b.shape(y) != node.b.shape(x)) throw std::runtime_error("a slope larger than x");
  node.output(0, y);
}

void mish(NodeContext& node) {
  const ValueId x = node.input(0);
  node.output(0, node.b.binary(kMul, x, node.b.unary(kTanh, node.b.unary(kSoftplus, x))));
}

void softsign(NodeContext& node) {
  const ValueId x = node.input(0);
  node.output(0, node.b.binary(kDiv, x, node.b.binary(kAdd, node.b.unary(kAbs, x), scalar(node, 1.0F))));
}

}  // namespace

const Operators& activation_operators() {
  static const Operators operators{
      {"Relu", unary<kRelu>},
      {"Abs", unary<kAbs>},
      {"Neg", unary<kNeg>},
      {"Sigmoid", unary<kSigmoid>},
      {"Tanh", unary<kTanh>},
      {"Exp", unary<kExp>},
      {"Sqrt", unary<kSqrt>},
      {"Reciprocal", unary<kReciprocal>},
      {"Sign", unary<kSign>},
      {"Floor", unary<kFloor>},
      {"Ceil", unary<kCeil>},
      {"Round", unary<kRound>},
      {"Log", unary<kLog>},
      {"Sin", unary<kSin>},
      {"Cos", unary<kCos>},
      {"Erf", unary<kErf>},
      {"Softplus", unary<kSoftplus>},
      {"LeakyRelu", [](NodeContext& node) { with_alpha<kLeakyRelu>(node, 0.01F); }},
      {"Elu", [](NodeContext& node) { with_alpha<kElu>(node, 1.0F); }},
      {"Gelu", gelu},
      {"HardSigmoid", hard_sigmoid},
      {"HardSwish", hard_swish},
      {"Swish", swish},
      {"Selu", selu},
      {"Celu", celu},
      {"PRelu", prelu},
      {"Mish", mish},
      {"Softsign", softsign},
      {"Tan", library<std::tan>},
      {"Asin", library<std::asin>},
      {"Acos", library<std::acos>},
      {"Atan", library<std::atan>},
      {"Sinh", library<std::sinh>},
      {"Cosh", library<std::cosh>},
      {"Asinh", library<std::asinh>},
      {"Acosh", library<std::acosh>},
      {"Atanh", library<std::atanh>},
  };
  return operators;
}

}  // namespace learn_rt
