// exp, sigmoid and tanh for every vector target. Included once a target: no plain include guard.
#if defined(LEARN_RT_MATH_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LEARN_RT_MATH_INL_H
#undef LEARN_RT_MATH_INL_H
#else
#define LEARN_RT_MATH_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Returns exp(x) - below, with x held to +-87, for below = 0 or 1; for 1 it is exact near 0 too.
//
// exp(x) = 2^n exp(r), |r| <= ln(2) / 2; exp(r) - 1 = r + r^2 q(r) with the minimax q of degree 5 (error 2.4e-10 of
// it).
template <class D, class V>
HWY_INLINE V ExpMinus(D d, V x, float below) {
  const hn::RebindToSigned<D> di;
  // The constant comes first: then a NaN goes through.
  x = hn::Max(hn::Set(d, -87.0F), hn::Min(hn::Set(d, 87.0F), x));
  const V n = hn::Round(hn::Mul(x, hn::Set(d, 1.442695041F)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);  // ln 2 in two parts, the first of few bits
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  const V r2 = hn::Mul(r, r);
  const V low = hn::MulAdd(r, hn::Set(d, 0.16666666368852479F), hn::Set(d, 0.5000000044400399F));
  const V middle = hn::MulAdd(r, hn::Set(d, 0.008333389573112589F), hn::Set(d, 0.04166635981762415F));
  const V high = hn::MulAdd(r, hn::Set(d, 0.0001984588487374886F), hn::Set(d, 0.0013940720175298262F));
  const V q = hn::MulAdd(hn::MulAdd(high, r2, middle), r2, low);
  const V e = hn::MulAdd(q, r2, r);
  const auto bits = hn::ShiftLeft<23>(hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127)));
  const V scale = hn::BitCast(d, bits);
  return hn::MulAdd(e, scale, hn::Sub(scale, hn::Set(d, below)));
}

template <class D, class V>
HWY_INLINE V Exp(D d, V x) {
  return ExpMinus(d, x, 0.0F);
}

// 1 / (1 + exp(-x)): 1.5e-7 relative.
template <class D, class V>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, ExpMinus(d, hn::Neg(x), 0.0F)));
}

// (exp(2x) - 1) / (exp(2x) + 1): 1.7e-7 relative.
template <class D, class V>
HWY_INLINE V Tanh(D d, V x) {
  const V e = ExpMinus(d, hn::Add(x, x), 1.0F);
  return hn::Div(e, hn::Add(e, hn::Set(d, 2.0F)));
}

// Calls body(tag, first) for `n` elements: whole vectors, the last one overlapping the one before it; single ones when
// n is below a vector.
template <class Body>
HWY_INLINE void ForEach(std::size_t n, Body body) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  if (n >= lanes) {
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) body(d, i);
    if (i < n) body(d, n - lanes);
  } else {
    const hn::CappedTag<float, 1> one;
    for (std::size_t i = 0; i < n; ++i) body(one, i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#endif
