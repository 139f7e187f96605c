// Arithmetic of one element with another.

#include <cmath>
#include <stdexcept>

#include "lowering.h"

namespace learn_rt {

ValueId scalar(NodeContext& node, float value) { return node.b.constant({{}, true, {value}, {}}); }

namespace {

// The constant of Max and Min comes first: then a NaN goes through.
template <Binary kKind>
void binary(NodeContext& node) {
  ValueId a = node.input(0), b = node.input(1);
  if ((kKind == kMin || kKind == kMax) && node.b.known(b) != nullptr) std::swap(a, b);
  ValueId result = node.b.binary(kKind, a, b);
  for (std::size_t i = 2; i < node.n_inputs(); ++i) result = node.b.binary(kKind, node.input(i), result);
  node.output(0, result);
}

template <Binary kKind>
void extreme(NodeContext& node) {
  if (node.n_inputs() == 1) return node.output(0, node.input(0));
  binary<kKind>(node);
}

void clip(NodeContext& node) {
  ValueId x = node.input(0);
  if (node.has_input(1)) x = node.b.binary(kMax, node.input(1), x);
  if (node.has_input(2)) x = node.b.binary(kMin, node.input(2), x);
  node.output(0, x);
}

// Known whole numbers stay whole, cut towards zero, whatever the exponents are.
ValueId whole_power(NodeContext& node, const Tensor& exponents) {
  const ValueId powers = node.b.binary(kPow, node.b.as_float(node.input(0)), node.b.constant(exponents));
  const Tensor* known = node.b.known(powers);
  if (known == nullptr) throw std::runtime_error("a power of whole numbers that are computed is not supported");
  Tensor result{known->shape, false, {}, {}};
  for (const float v : known->floats) {
    if (!(std::abs(v) <= 16777216.0F)) throw std::runtime_error("a power that is too large");
    result.ints.push_back(static_cast<std::int64_t>(v));
  }
  return node.b.constant(std::move(result));
}

void pow(NodeContext& node) {
  const ValueId x = node.input(0);
  ValueId exponent = node.input(1);
  if (const Tensor* known = node.b.known(exponent)) {
    Tensor floats{known->shape, true, known->floats, {}};
    if (!known->is_float) floats.floats.assign(known->ints.begin(), known->ints.end());
    const bool one = floats.floats.size() == 1 && broadcast_shape(node.b.shape(x), known->shape) == node.b.shape(x);
    if (node.b.whole(x)) return node.output(0, whole_power(node, floats));
    const float n = one ? floats.floats[0] : 0.0F;
    if (n == 2.0F) return node.output(0, node.b.binary(kMul, x, x));
    if (n == 3.0F) return node.output(0, node.b.binary(kMul, node.b.binary(kMul, x, x), x));
    if (n == 0.5F) return node.output(0, node.b.unary(kSqrt, x));
    if (!known->is_float) exponent = node.b.constant(std::move(floats));
  }
  node.output(0, node.b.binary(kPow, x, exponent));
}

}  // namespace

const Operators& math_operators() {
  static const Operators operators{
      {"Add", binary<kAdd>},  {"Sub", binary<kSub>},  {"Mul", binary<kMul>}, {"Div", binary<kDiv>},
      {"Min", extreme<kMin>}, {"Max", extreme<kMax>}, {"Clip", clip},        {"Pow", pow},
  };
  return operators;
}

}  // namespace learn_rt
