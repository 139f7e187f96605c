#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/elementwise.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {

template <int kOp, class D, class V>
HWY_INLINE V One(D d, V x, float alpha, float beta) {
  if constexpr (kOp == kRelu) return LargerOf(hn::Zero(d), x);
  if constexpr (kOp == kAbs) return hn::Abs(x);
  if constexpr (kOp == kNeg) return hn::Neg(x);
  if constexpr (kOp == kSigmoid) return Sigmoid(d, x);
  if constexpr (kOp == kTanh) return Tanh(d, x);
  if constexpr (kOp == kExp) return Exp(d, x);
  if constexpr (kOp == kSqrt) return hn::Sqrt(x);
  if constexpr (kOp == kReciprocal) return hn::Div(hn::Set(d, 1.0F), x);
  // Compared this way round, a NaN goes through.
  if constexpr (kOp == kLeakyRelu) return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(hn::Set(d, alpha), x), x);
  if constexpr (kOp == kElu) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(hn::Set(d, alpha), ExpMinus(d, x, 1.0F)), x);
  }
  if constexpr (kOp == kHardSigmoid) {
    const auto line = hn::MulAdd(hn::Set(d, alpha), x, hn::Set(d, beta));
    return LargerOf(hn::Zero(d), SmallerOf(hn::Set(d, 1.0F), line));
  }
  if constexpr (kOp == kSign) {
    const auto up = hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1.0F), x);
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Set(d, -1.0F), up);
  }
  if constexpr (kOp == kFloor) return hn::Floor(x);
  if constexpr (kOp == kCeil) return hn::Ceil(x);
  if constexpr (kOp == kRound) return hn::Round(x);
}

template <class M, class D>
HWY_INLINE hn::Vec<D> OneWhere(D d, M holds) {
  return hn::IfThenElseZero(holds, hn::Set(d, 1.0F));
}

template <int kOp, class V>
HWY_INLINE V Two(V a, V b) {
  const hn::DFromV<V> d;
  if constexpr (kOp == kAdd) return hn::Add(a, b);
  if constexpr (kOp == kSub) return hn::Sub(a, b);
  if constexpr (kOp == kMul) return hn::Mul(a, b);
  if constexpr (kOp == kDiv) return hn::Div(a, b);
  if constexpr (kOp == kMin) return SmallerOf(a, b);
  if constexpr (kOp == kMax) return LargerOf(a, b);
  if constexpr (kOp == kEqual) return OneWhere(d, hn::Eq(a, b));
  if constexpr (kOp == kGreater) return OneWhere(d, hn::Gt(a, b));
  if constexpr (kOp == kGreaterOrEqual) return OneWhere(d, hn::Ge(a, b));
  if constexpr (kOp == kAnd) return hn::Mul(a, b);  // of 0 and 1
  if constexpr (kOp == kOr) return hn::Max(a, b);
}

template <int kOp>
void RunUnary(const float* x, float alpha, float beta, float* y, std::size_t n) noexcept {
  ForEach(n,
          [=](auto d, std::size_t i) HWY_ATTR { hn::StoreU(One<kOp>(d, hn::LoadU(d, x + i), alpha, beta), d, y + i); });
}

template <int kOp>
void RunBinary(const float* a, std::size_t a_size, const float* b, std::size_t b_size, float* y,
               std::size_t n) noexcept {
  if (a_size == b_size) {
    ForEach(n, [=](auto d, std::size_t i)
                   HWY_ATTR { hn::StoreU(Two<kOp>(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i); });
  } else if (b_size == 1) {
    ForEach(n, [=](auto d, std::size_t i)
                   HWY_ATTR { hn::StoreU(Two<kOp>(hn::LoadU(d, a + i), hn::Set(d, *b)), d, y + i); });
  } else {
    ForEach(n, [=](auto d, std::size_t i)
                   HWY_ATTR { hn::StoreU(Two<kOp>(hn::Set(d, *a), hn::LoadU(d, b + i)), d, y + i); });
  }
}

void RunPow(const float* a, std::size_t a_size, const float* b, std::size_t b_size, float* y, std::size_t n) noexcept {
  for (std::size_t i = 0; i < n; ++i) y[i] = std::pow(a[a_size == 1 ? 0 : i], b[b_size == 1 ? 0 : i]);
}

void Affine(const float* x, const float* mean, const float* factor, const float* offset, bool each, float* y,
            std::size_t n) noexcept {
  ForEach(n, [=](auto d, std::size_t i) HWY_ATTR {
    const auto of = [&](const float* given) HWY_ATTR { return each ? hn::LoadU(d, given + i) : hn::Set(d, *given); };
    const auto centred = hn::Sub(hn::LoadU(d, x + i), of(mean));
    hn::StoreU(hn::MulAdd(centred, of(factor), of(offset)), d, y + i);
  });
}

void LayerNorm(const float* x, const float* scale, const float* bias, float epsilon, float* y, std::size_t n) noexcept {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d), whole = n - n % lanes;
  auto sums = hn::Zero(d);
  for (std::size_t i = 0; i < whole; i += lanes) sums = hn::Add(sums, hn::LoadU(d, x + i));
  double sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (std::size_t i = whole; i < n; ++i) sum += x[i];
  const float mean = static_cast<float>(sum / static_cast<double>(n));

  const auto means = hn::Set(d, mean);
  sums = hn::Zero(d);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const auto away = hn::Sub(hn::LoadU(d, x + i), means);
    sums = hn::MulAdd(away, away, sums);
  }
  double squares = hn::GetLane(hn::SumOfLanes(d, sums));
  for (std::size_t i = whole; i < n; ++i) squares += static_cast<double>((x[i] - mean) * (x[i] - mean));
  const float factor = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon));
  ForEach(n, [=](auto one, std::size_t i) HWY_ATTR {
    const auto unit = hn::Mul(hn::Sub(hn::LoadU(one, x + i), hn::Set(one, mean)), hn::Set(one, factor));
    const auto offset = bias == nullptr ? hn::Zero(one) : hn::LoadU(one, bias + i);
    hn::StoreU(hn::MulAdd(unit, hn::LoadU(one, scale + i), offset), one, y + i);
  });
}

const ElementwiseKernels* Elementwise() {
  static const ElementwiseKernels table{
      hwy::TargetName(HWY_TARGET),
      {RunUnary<kRelu>, RunUnary<kAbs>, RunUnary<kNeg>, RunUnary<kSigmoid>, RunUnary<kTanh>, RunUnary<kExp>,
       RunUnary<kSqrt>, RunUnary<kReciprocal>, RunUnary<kLeakyRelu>, RunUnary<kElu>, RunUnary<kHardSigmoid>,
       RunUnary<kSign>, RunUnary<kFloor>, RunUnary<kCeil>, RunUnary<kRound>},
      {RunBinary<kAdd>, RunBinary<kSub>, RunBinary<kMul>, RunBinary<kDiv>, RunBinary<kMin>, RunBinary<kMax>, RunPow,
       RunBinary<kEqual>, RunBinary<kGreater>, RunBinary<kGreaterOrEqual>, RunBinary<kAnd>, RunBinary<kOr>},
      Affine,
      LayerNorm};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(ElementwiseKernels, elementwise_kernels, Elementwise)

namespace learn_rt {

UnaryKernel unary_kernel(Unary kind) {
  return kind < kElementaryCount ? elementwise_kernels().unary[kind]
                                 : function_kernels().unary[kind - kElementaryCount];
}

}  // namespace learn_rt
#endif
