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

const RecurrentKernels* Recurrent() {
  static const RecurrentKernels table{LstmCell};
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
