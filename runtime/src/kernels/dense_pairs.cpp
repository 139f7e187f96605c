#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_pairs.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include "kernels/dispatch.h"
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
struct Bf16 {
  static constexpr bool kScaled = false;
  static HWY_INLINE V Even(hn::Vec<DU> words) { return hn::BitCast(D(), hn::ShiftLeft<16>(words)); }
  static HWY_INLINE V Odd(hn::Vec<DU> words) { return hn::BitCast(D(), hn::And(words, hn::Set(DU(), 0xFFFF0000U))); }
};

// Whole numbers times 2^16: the scale has that taken away again.
struct Int16 {
  static constexpr bool kScaled = true;
  static HWY_INLINE V Even(hn::Vec<DU> words) { return Whole(hn::ShiftLeft<16>(words)); }
  static HWY_INLINE V Odd(hn::Vec<DU> words) { return Whole(hn::And(words, hn::Set(DU(), 0xFFFF0000U))); }

 private:
  static HWY_INLINE V Whole(hn::Vec<DU> words) {
    return hn::ConvertTo(D(), hn::BitCast(hn::RebindToSigned<D>(), words));
  }
};

// kRows rows times kPanels panels, two inputs at a time.
template <class Form, int kRows, int kPanels>
HWY_INLINE void Block(const float* HWY_RESTRICT x, std::size_t x_stride, const Panels& w, std::size_t panel,
                      float* HWY_RESTRICT y, std::size_t y_stride) {
  constexpr int kVectors = 2 * kPanels;
  const D d;
  const DU du;
  const std::size_t lanes = hn::Lanes(d), inputs = w.inputs, groups = (inputs + 1) / 2;
  const std::uint32_t* HWY_RESTRICT words = w.words.data() + panel * groups * w.width;
  V sums[kRows][kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const std::size_t column = panel * w.width + static_cast<std::size_t>(v) * lanes;
    const V start = Form::kScaled ? hn::Zero(d) : hn::LoadU(d, w.bias.data() + column);
    for (int r = 0; r < kRows; ++r) sums[r][v] = start;
  }
  for (std::size_t i = 0; i < inputs; i += 2, words += w.width) {
    const bool both = i + 1 < inputs;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const auto at =
          words + static_cast<std::size_t>(v / 2) * groups * w.width + static_cast<std::size_t>(v % 2) * lanes;
      const auto word = hn::LoadU(du, at);
      const V even = Form::Even(word), odd = Form::Odd(word);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const float* row = x + static_cast<std::size_t>(r) * x_stride + i;
        sums[r][v] = hn::MulAdd(hn::Set(d, row[0]), even, sums[r][v]);
        if (both) sums[r][v] = hn::MulAdd(hn::Set(d, row[1]), odd, sums[r][v]);
      }
    }
  }
  if constexpr (Form::kScaled) {
    for (int v = 0; v < kVectors; ++v) {
      const std::size_t column = panel * w.width + static_cast<std::size_t>(v) * lanes;
      const V scale = hn::LoadU(d, w.scale.data() + column), bias = hn::LoadU(d, w.bias.data() + column);
      for (int r = 0; r < kRows; ++r) sums[r][v] = hn::MulAdd(sums[r][v], scale, bias);
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

template <class Form>
void DensePairs(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
                std::size_t y_stride) noexcept {
  const std::size_t panels = (w.outputs + w.width - 1) / w.width;
  if (rows == 1) {
    std::size_t p = 0;
    for (; p + 4 <= panels; p += 4) Block<Form, 1, 4>(x, x_stride, w, p, y, y_stride);
    if (p + 2 <= panels) {
      Block<Form, 1, 2>(x, x_stride, w, p, y, y_stride);
      p += 2;
    }
    if (p < panels) Block<Form, 1, 1>(x, x_stride, w, p, y, y_stride);
    return;
  }
  for (std::size_t p = 0; p < panels; ++p) {
    std::size_t r = 0;
    for (; r + 4 <= rows; r += 4) Block<Form, 4, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
    if (r + 2 <= rows) {
      Block<Form, 2, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
      r += 2;
    }
    if (r < rows) Block<Form, 1, 1>(x + r * x_stride, x_stride, w, p, y + r * y_stride, y_stride);
  }
}

const PairKernels* Pairs() {
  static const PairKernels table{DensePairs<Bf16>, DensePairs<Int16>};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(PairKernels, pair_kernels, Pairs)
#endif
