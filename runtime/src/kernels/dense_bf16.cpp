#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_bf16.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <type_traits>

#include "kernels/kernels.h"
#include "kernels/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DU = hn::RebindToUnsigned<D>;

// The two weights of each word as floats: of the even input, and of the odd one.
HWY_INLINE V Even(hn::Vec<DU> words) { return hn::BitCast(D(), hn::ShiftLeft<16>(words)); }
HWY_INLINE V Odd(hn::Vec<DU> words) { return hn::BitCast(D(), hn::And(words, hn::Set(DU(), 0xFFFF0000U))); }

// kRows rows times kPanels panels, two inputs at a time.
template <int kRows, int kPanels>
HWY_INLINE void Block(const float* HWY_RESTRICT x, std::size_t x_stride, const Panels& w, std::size_t panel,
                      float* HWY_RESTRICT y, std::size_t y_stride) {
  constexpr int kVectors = 2 * kPanels;
  const D d;
  const DU du;
  const std::size_t lanes = hn::Lanes(d), inputs = w.inputs, groups = (inputs + 1) / 2;
  const std::uint32_t* HWY_RESTRICT words = w.words.data() + panel * groups * w.width;
  V sums[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const V bias = hn::LoadU(d, w.bias.data() + panel * w.width + static_cast<std::size_t>(v) * lanes);
    for (int r = 0; r < kRows; ++r) sums[r][v] = bias;
  }
  for (std::size_t i = 0; i < inputs; i += 2, words += w.width) {
    const bool both = i + 1 < inputs;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const auto at =
          words + static_cast<std::size_t>(v / 2) * groups * w.width + static_cast<std::size_t>(v % 2) * lanes;
      const auto word = hn::LoadU(du, at);
      const V even = Even(word), odd = Odd(word);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const float* row = x + static_cast<std::size_t>(r) * x_stride + i;
        sums[r][v] = hn::MulAdd(hn::Set(d, row[0]), even, sums[r][v]);
        if (both) sums[r][v] = hn::MulAdd(hn::Set(d, row[1]), odd, sums[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int p = 0; p < kPanels; ++p) {
      const std::size_t column = (panel + static_cast<std::size_t>(p)) * w.width;
      StorePanel(sums[r][2 * p], sums[r][2 * p + 1], w.outputs - column,
                 y + static_cast<std::size_t>(r) * y_stride + column);
    }
  }
}

void DenseBf16(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
               std::size_t y_stride) noexcept {
  const std::size_t panels = (w.outputs + w.width - 1) / w.width;
  if (rows == 1) {
    std::size_t p = 0;
    for (; p + 4 <= panels; p += 4) Block<1, 4>(x, x_stride, w, p, y, y_stride);
    if (p + 2 <= panels) {
      Block<1, 2>(x, x_stride, w, p, y, y_stride);
      p += 2;
    }
    if (p < panels) Block<1, 1>(x, x_stride, w, p, y, y_stride);
    return;
  }
  for (std::size_t p = 0; p < panels; ++p) {
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4) Block<4, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
    if (r + 2 <= rows) {
      Block<2, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
      r += 2;
    }
    if (r < rows) Block<1, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
  }
}

DenseKernel FindDenseBf16() { return DenseBf16; }

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace learn_rt {

HWY_EXPORT(FindDenseBf16);

DenseKernel dense_bf16() {
  static const DenseKernel kernel = HWY_DYNAMIC_DISPATCH(FindDenseBf16)();
  return kernel;
}

}  // namespace learn_rt
#endif
