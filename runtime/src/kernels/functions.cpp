#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/functions.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cfloat>
#include <cmath>

#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {

// f(x) where `usual` holds for every lane; else lane by lane with the C library's.
template <class D, class V, class M, class Vector, class Scalar>
HWY_INLINE V Guarded(D d, V x, M usual, Vector f, Scalar each) {
  if (HWY_LIKELY(hn::AllTrue(d, usual))) return f(x);
  HWY_ALIGN float values[HWY_MAX_BYTES / sizeof(float)];
  hn::Store(x, d, values);
  for (std::size_t i = 0; i < hn::Lanes(d); ++i) values[i] = each(values[i]);
  return hn::Load(d, values);
}

// erf(x) / x = p(x^2) for |x| < 1: the minimax polynomial, 1.2e-9 relative.
template <class D, class V>
HWY_INLINE V ErfBelow1(D d, V x) {
  const V t = hn::Mul(x, x);
  V p = hn::Set(d, 7.889123e-05F);
  for (const float c : {-0.0008020842F, 0.0051895357F, -0.026854444F, 0.112836F, -0.37612626F, 1.1283791F}) {
    p = hn::MulAdd(p, t, hn::Set(d, c));
  }
  return hn::Mul(x, p);
}

// erfc(x) = exp(q(x)) for 1 <= x <= 4: 2e-11 absolute. 0 above.
template <class D, class V>
HWY_INLINE V ErfcFrom1(D d, V x) {
  V q = hn::Set(d, -2.1686754e-05F);
  for (const float c :
       {0.0004413352F, -0.004204556F, 0.025208239F, -0.10841855F, -0.6332199F, -1.1295784F, 0.00018803669F}) {
    q = hn::MulAdd(q, x, hn::Set(d, c));
  }
  return hn::IfThenZeroElse(hn::Gt(x, hn::Set(d, 4.0F)), ExpMinus(d, q, 0.0F));
}

// The distribution of the standard normal: (1 + erf(x / sqrt 2)) / 2, with the tail's own precision below 0.
template <class D, class V>
HWY_INLINE V NormalBelow(D d, V x) {
  const V one = hn::Set(d, 1.0F), half = hn::Set(d, 0.5F);
  const V z = hn::Mul(hn::Abs(x), hn::Set(d, 0.70710678F));
  const V beyond = hn::IfThenElse(hn::Lt(z, one), hn::Sub(one, ErfBelow1(d, z)), ErfcFrom1(d, z));
  const V tail = hn::Mul(half, beyond);
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(one, tail));
}

template <int kOp, class D, class V>
HWY_INLINE V Function(D d, V x) {
  const V zero = hn::Zero(d), one = hn::Set(d, 1.0F);
  if constexpr (kOp == kLog) {
    const auto usual = hn::And(hn::Ge(x, hn::Set(d, FLT_MIN)), hn::Le(x, hn::Set(d, FLT_MAX)));
    return Guarded(
        d, x, usual, [d](V v) HWY_ATTR { return hn::Log(d, v); }, [](float v) { return std::log(v); });
  }
  if constexpr (kOp == kSin || kOp == kCos) {
    const auto usual = hn::Le(hn::Abs(x), hn::Set(d, 30000.0F));
    return Guarded(
        d, x, usual, [d](V v) HWY_ATTR { return kOp == kSin ? hn::Sin(d, v) : hn::Cos(d, v); },
        [](float v) { return kOp == kSin ? std::sin(v) : std::cos(v); });
  }
  if constexpr (kOp == kErf) {
    const V size = hn::Abs(x);
    const V far = hn::CopySign(hn::Sub(one, ErfcFrom1(d, size)), x);
    return hn::IfThenElse(hn::Ge(size, one), far, ErfBelow1(d, x));
  }
  if constexpr (kOp == kGelu) return hn::Mul(x, NormalBelow(d, x));
  if constexpr (kOp == kGeluTanh) {
    const V cubic = hn::MulAdd(hn::Mul(hn::Mul(x, x), x), hn::Set(d, 0.044715F), x);
    return hn::Mul(x, Sigmoid(d, hn::Mul(cubic, hn::Set(d, 1.5957691F))));  // 2 sqrt(2 / pi)
  }
  if constexpr (kOp == kSoftplus) {
    // log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)); the sum's second addend comes first, then a NaN goes through.
    const V grown = hn::Log1p(d, ExpMinus(d, hn::Neg(hn::Abs(x)), 0.0F));
    return hn::Add(LargerOf(zero, x), grown);
  }
}

template <int kOp>
void RunFunction(const float* x, float, float, float* y, std::size_t n) noexcept {
  ForEach(n, [x, y](auto d, std::size_t i) HWY_ATTR { hn::StoreU(Function<kOp>(d, hn::LoadU(d, x + i)), d, y + i); });
}

// y[i] = exp(x[i] - max); returns their sum and the maximum.
struct Exponentials {
  double sum;
  float largest;
};
Exponentials Exponentiate(const float* x, float* y, std::size_t n) {
  float largest = x[0];
  for (std::size_t i = 1; i < n; ++i) largest = std::max(largest, x[i]);
  ForEach(n, [=](auto d, std::size_t i) HWY_ATTR {
    hn::StoreU(ExpMinus(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, largest)), 0.0F), d, y + i);
  });
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(y[i]);
  return {sum, largest};
}

void Softmax(const float* x, float* y, std::size_t n) noexcept {
  const auto factor = static_cast<float>(1.0 / Exponentiate(x, y, n).sum);
  for (std::size_t i = 0; i < n; ++i) y[i] *= factor;
}

void LogSoftmax(const float* x, float* y, std::size_t n) noexcept {
  const Exponentials found = Exponentiate(x, y, n);
  const auto log_sum = static_cast<float>(std::log(found.sum));
  for (std::size_t i = 0; i < n; ++i) y[i] = (x[i] - found.largest) - log_sum;
}

const FunctionKernels* Functions() {
  static const FunctionKernels table{{RunFunction<kLog>, RunFunction<kSin>, RunFunction<kCos>, RunFunction<kErf>,
                                      RunFunction<kGelu>, RunFunction<kGeluTanh>, RunFunction<kSoftplus>},
                                     Softmax,
                                     LogSoftmax};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(FunctionKernels, function_kernels, Functions)
#endif
