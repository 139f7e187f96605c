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

// exp(x) = 2^n exp(r), |r| <= ln(2) / 2: returns exp(r) - 1 = r + r^2 q(r) with the minimax q of degree 5
// (error 2.4e-10 of it), and n.
template <class D, class V>
HWY_INLINE V ExpReduced(D d, V x, V& n) {
  n = hn::Round(hn::Mul(x, hn::Set(d, 1.442695041F)));
  V r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);  // ln 2 in two parts, the first of few bits
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  const V r2 = hn::Mul(r, r);
  const V low = hn::MulAdd(r, hn::Set(d, 0.16666666368852479F), hn::Set(d, 0.5000000044400399F));
  const V middle = hn::MulAdd(r, hn::Set(d, 0.008333389573112589F), hn::Set(d, 0.04166635981762415F));
  const V high = hn::MulAdd(r, hn::Set(d, 0.0001984588487374886F), hn::Set(d, 0.0013940720175298262F));
  const V q = hn::MulAdd(hn::MulAdd(high, r2, middle), r2, low);
  return hn::MulAdd(q, r2, r);
}

// The larger and the smaller of two; a NaN of x goes through. x86 answers its second operand where one is a NaN, but
// ARM and plain C++ the number.
template <class V>
HWY_INLINE V LargerOf(V bound, V x) {
#if !HWY_ARCH_X86 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#else
  return hn::Max(bound, x);
#endif
}

template <class V>
HWY_INLINE V SmallerOf(V bound, V x) {
#if !HWY_ARCH_X86 || HWY_TARGET == HWY_SCALAR
  return hn::IfThenElse(hn::Gt(x, bound), bound, x);
#else
  return hn::Min(bound, x);
#endif
}

// x within [low, high].
template <class D, class V>
HWY_INLINE V Held(D d, V x, float low, float high) {
  return LargerOf(hn::Set(d, low), SmallerOf(hn::Set(d, high), x));
}

// 2^n for whole n of -126 to 127.
template <class D, class VI>
HWY_INLINE hn::Vec<D> PowerOf2(D d, VI n) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

// Returns exp(x) - below for below = 0 or 1; for 1 it is exact near 0 too. x is held to where exp(x) is a normal number
// below 2^127.
template <class D, class V>
HWY_INLINE V ExpMinus(D d, V x, float below) {
  const hn::RebindToSigned<D> di;
  V n;
  const V e = ExpReduced(d, Held(d, x, -87.33F, 88.02F), n);
  const V scale = PowerOf2(d, hn::ConvertTo(di, n));
  return hn::MulAdd(e, scale, hn::Sub(scale, hn::Set(d, below)));
}

// exp(x) for every x: infinite, denormal and 0 where it is so. The power of 2 comes in two parts.
template <class D, class V>
HWY_INLINE V Exp(D d, V x) {
  const hn::RebindToSigned<D> di;
  V n;
  const V e = ExpReduced(d, Held(d, x, -104.0F, 89.0F), n);
  const auto whole = hn::ConvertTo(di, n), half = hn::ShiftRight<1>(whole);
  const V first = PowerOf2(d, half);
  return hn::Mul(hn::MulAdd(e, first, first), PowerOf2(d, hn::Sub(whole, half)));
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
