#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {

// In two passes, so that one element's chain of exponentials is short enough for the processor to work on several. Two
// quotients that are multiplied become one: where its denominator is infinite, it is 0 to within 1e-38.
void LstmCell(const float* a, const float* b, const GateOffsets& gates, const float* c, float mask, std::size_t n,
              float* h_next, float* c_next) noexcept {
  const auto gate = [=](auto d, std::size_t at) HWY_ATTR {
    const auto z = hn::LoadU(d, a + at);
    return b == nullptr ? z : hn::Add(z, hn::LoadU(d, b + at));
  };
  // sigmoid(z) tanh(x) for z = gate(at): e / ((1 + exp(-z)) (e + 2)), e = exp(2x) - 1.
  const auto gated_tanh = [=](auto d, std::size_t at, auto x) HWY_ATTR {
    const auto e = ExpMinus(d, hn::Add(x, x), 1.0F);
    const auto one_more = hn::Add(hn::Set(d, 1.0F), ExpMinus(d, hn::Neg(gate(d, at)), 0.0F));
    return hn::Div(e, hn::Mul(one_more, hn::Add(e, hn::Set(d, 2.0F))));
  };
  ForEach(n, [=](auto d, std::size_t k) HWY_ATTR {
    const auto kept = hn::Mul(Sigmoid(d, gate(d, gates.f + k)), hn::LoadU(d, c + k));
    const auto cell = hn::Add(kept, gated_tanh(d, gates.i + k, gate(d, gates.g + k)));
    hn::StoreU(hn::Mul(cell, hn::Set(d, mask)), d, c_next + k);
  });
  ForEach(n, [=](auto d, std::size_t k)
                 HWY_ATTR { hn::StoreU(gated_tanh(d, gates.o + k, hn::LoadU(d, c_next + k)), d, h_next + k); });
}

template <bool kResetAfter>
void Gru(const GruGates& a, const GruGates& b, const float* h, std::size_t n, float* h_next) noexcept {
  ForEach(n, [=](auto d, std::size_t k) HWY_ATTR {
    const auto z = Sigmoid(d, hn::Add(hn::LoadU(d, a.z + k), hn::LoadU(d, b.z + k)));
    auto sum = hn::LoadU(d, b.n + k);
    if constexpr (kResetAfter) sum = hn::Mul(sum, Sigmoid(d, hn::Add(hn::LoadU(d, a.r + k), hn::LoadU(d, b.r + k))));
    const auto candidate = Tanh(d, hn::Add(hn::LoadU(d, a.n + k), sum));
    hn::StoreU(hn::MulAdd(z, hn::Sub(hn::LoadU(d, h + k), candidate), candidate), d, h_next + k);
  });
}

void GruReset(const float* a, const float* b, const float* h, std::size_t n, float* reset) noexcept {
  ForEach(n, [=](auto d, std::size_t k) HWY_ATTR {
    const auto r = Sigmoid(d, hn::Add(hn::LoadU(d, a + k), hn::LoadU(d, b + k)));
    hn::StoreU(hn::Mul(r, hn::LoadU(d, h + k)), d, reset + k);
  });
}

const RecurrentKernels* Recurrent() {
  static const RecurrentKernels table{LstmCell, Gru<true>, GruReset, Gru<false>};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(RecurrentKernels, recurrent_kernels, Recurrent)
#endif
