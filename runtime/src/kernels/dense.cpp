#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <type_traits>

#include "kernels/dispatch.h"
#include "kernels/kernels.h"
#include "kernels/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

// kRows rows times one panel: 2 kRows sums in registers.
template <int kRows>
HWY_INLINE void RowsTimesPanel(const float* HWY_RESTRICT x, std::size_t x_stride, std::size_t inputs,
                               const float* HWY_RESTRICT w, const float* HWY_RESTRICT bias, std::size_t columns,
                               float* HWY_RESTRICT y, std::size_t y_stride) {
  const D d;
  const std::size_t lanes = hn::Lanes(d);
  V first[kRows], second[kRows];
  for (int r = 0; r < kRows; ++r) {
    first[r] = hn::LoadU(d, bias);
    second[r] = hn::LoadU(d, bias + lanes);
  }
  for (std::size_t i = 0; i < inputs; ++i, w += 2 * lanes) {
    const V w0 = hn::LoadU(d, w), w1 = hn::LoadU(d, w + lanes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V value = hn::Set(d, x[static_cast<std::size_t>(r) * x_stride + i]);
      first[r] = hn::MulAdd(value, w0, first[r]);
      second[r] = hn::MulAdd(value, w1, second[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    StorePanel(first[r], second[r], columns, y + static_cast<std::size_t>(r) * y_stride);
  }
}

// One row times kPanels panels: as many independent sums as the multiplier's latency needs.
template <int kPanels>
HWY_INLINE void RowTimesPanels(const float* HWY_RESTRICT x, const Panels& w, std::size_t panel, float* HWY_RESTRICT y) {
  const D d;
  const std::size_t lanes = hn::Lanes(d), inputs = w.inputs, width = 2 * lanes;
  const float* HWY_RESTRICT weights = w.weights.data() + panel * inputs * width;
  V first[kPanels], second[kPanels];
  for (int p = 0; p < kPanels; ++p) {
    first[p] = hn::LoadU(d, w.bias.data() + (panel + static_cast<std::size_t>(p)) * width);
    second[p] = hn::LoadU(d, w.bias.data() + (panel + static_cast<std::size_t>(p)) * width + lanes);
  }
  for (std::size_t i = 0; i < inputs; ++i, weights += width) {
    const V value = hn::Set(d, x[i]);
#pragma GCC unroll 8
    for (int p = 0; p < kPanels; ++p) {
      const float* at = weights + static_cast<std::size_t>(p) * inputs * width;
      first[p] = hn::MulAdd(value, hn::LoadU(d, at), first[p]);
      second[p] = hn::MulAdd(value, hn::LoadU(d, at + lanes), second[p]);
    }
  }
  for (int p = 0; p < kPanels; ++p) {
    const std::size_t column = (panel + static_cast<std::size_t>(p)) * width;
    StorePanel(first[p], second[p], w.outputs - column, y + column);
  }
}

void DenseRow(const float* x, const Panels& w, float* y) noexcept {
  const std::size_t panels = (w.outputs + w.width - 1) / w.width;
  std::size_t p = 0;
  for (; p + 4 <= panels; p += 4) RowTimesPanels<4>(x, w, p, y);
  switch (panels - p) {
    case 3:
      RowTimesPanels<3>(x, w, p, y);
      break;
    case 2:
      RowTimesPanels<2>(x, w, p, y);
      break;
    case 1:
      RowTimesPanels<1>(x, w, p, y);
      break;
    default:
      break;
  }
}

void Dense(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
           std::size_t y_stride) noexcept {
  if (rows == 1) return DenseRow(x, w, y);
  for (std::size_t column = 0; column < w.outputs; column += w.width) {
    const float* weights = w.weights.data() + column * w.inputs;
    const float* bias = w.bias.data() + column;
    const std::size_t columns = w.outputs - column;
    const auto run = [&](auto count, std::size_t row) HWY_ATTR {
      RowsTimesPanel<decltype(count)::value>(x + row * x_stride, x_stride, w.inputs, weights, bias, columns,
                                             y + row * y_stride + column, y_stride);
    };
    std::size_t row = 0;
    for (; row + 6 <= rows; row += 6) run(std::integral_constant<int, 6>(), row);
    switch (rows - row) {
      case 5:
        run(std::integral_constant<int, 5>(), row);
        break;
      case 4:
        run(std::integral_constant<int, 4>(), row);
        break;
      case 3:
        run(std::integral_constant<int, 3>(), row);
        break;
      case 2:
        run(std::integral_constant<int, 2>(), row);
        break;
      case 1:
        run(std::integral_constant<int, 1>(), row);
        break;
      default:
        break;
    }
  }
}

// Four sums, so that one addition need not wait for the last. Plain code: the compiler makes vectors of it.
double Dot(const float* HWY_RESTRICT x, const float* HWY_RESTRICT w, std::size_t n) noexcept {
  double sums[8] = {};
  std::size_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += static_cast<double>(x[i + j]) * static_cast<double>(w[i + j]);
  }
  for (; i < n; ++i) sums[i % 8] += static_cast<double>(x[i]) * static_cast<double>(w[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

const DenseKernels* DenseTable() {
  static const DenseKernels table{2 * hn::Lanes(D()), Dense, Dot};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(DenseKernels, dense_kernels, DenseTable)
#endif
