#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/recurrent.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "kernels/kernels.h"
#include "kernels/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {

void LstmCell(const float* a, const float* b, const GateOffsets& gates, const float* c, float mask, std::size_t n,
              float* h_next, float* c_next) noexcept {
  ForEach(n, [=](auto d, std::size_t k) HWY_ATTR {
    const auto gate = [&](std::size_t offset) HWY_ATTR {
      const auto z = hn::LoadU(d, a + offset + k);
      return b == nullptr ? z : hn::Add(z, hn::LoadU(d, b + offset + k));
    };
    const auto kept = hn::Mul(Sigmoid(d, gate(gates.f)), hn::LoadU(d, c + k));
    const auto added = hn::Mul(Sigmoid(d, gate(gates.i)), Tanh(d, gate(gates.g)));
    const auto cell = hn::Mul(hn::Add(kept, added), hn::Set(d, mask));
    hn::StoreU(cell, d, c_next + k);
    hn::StoreU(hn::Mul(Sigmoid(d, gate(gates.o)), Tanh(d, cell)), d, h_next + k);
  });
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
namespace learn_rt {

HWY_EXPORT(Recurrent);

const RecurrentKernels& recurrent_kernels() {
  static const RecurrentKernels& table = *HWY_DYNAMIC_DISPATCH(Recurrent)();
  return table;
}

}  // namespace learn_rt
#endif
