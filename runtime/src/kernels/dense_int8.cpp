#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_int8.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "kernels/kernels.h"
#include "kernels/store-inl.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
using DI = hn::RebindToSigned<D>;
using VI = hn::Vec<DI>;

constexpr int kMostRows = 4;

// A row rounded to whole numbers.
struct Rounded {
  float step = 0.0F;        // what one of them stands for; NaN when the row is not finite
  std::int32_t offset = 0;  // 128 times their sum, which the weights' own offset adds
};

// Rounds a row to 16 bits, or to as many as keep the sums inside 32: sum |x| |w| < 2^31 for |w| <= 127. Fills up to a
// multiple of 4.
HWY_INLINE Rounded Round(const float* HWY_RESTRICT x, std::size_t n, std::int16_t* HWY_RESTRICT to) {
  const D d;
  const hn::Rebind<std::int16_t, D> d16;
  const std::size_t lanes = hn::Lanes(d), whole = n - n % lanes;
  V most = hn::Zero(d);
  auto finite = hn::Eq(most, most);
  const V limit = hn::Set(d, FLT_MAX);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const V size = hn::Abs(hn::LoadU(d, x + i));
    finite = hn::And(finite, hn::Le(size, limit));
    most = hn::Max(most, size);
  }
  float largest = hn::GetLane(hn::MaxOfLanes(d, most));
  bool fine = hn::AllTrue(d, finite);
  for (std::size_t i = whole; i < n; ++i) {
    const float size = std::fabs(x[i]);
    fine = fine && size <= FLT_MAX;
    largest = std::max(largest, size);
  }
  Rounded found;
  if (!fine) found.step = std::numeric_limits<float>::quiet_NaN();
  if (!fine || largest < 1e-30F) {  // so small that its reciprocal is infinite: as good as nothing
    std::fill(to, to + (n + 3) / 4 * 4, std::int16_t{0});
    return found;
  }
  const auto room = static_cast<float>(std::min<std::size_t>(32767, 16909320 / n));
  const float factor = room / largest;
  found.step = largest / room;
  const V factors = hn::Set(d, factor);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const VI rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), factors));
    hn::StoreU(hn::DemoteTo(d16, rounded), d16, to + i);
  }
  for (std::size_t i = whole; i < n; ++i) to[i] = static_cast<std::int16_t>(std::lrintf(x[i] * factor));
  for (std::size_t i = n; i % 4 != 0; ++i) to[i] = 0;
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += to[i];
  found.offset = static_cast<std::int32_t>(128U * static_cast<std::uint32_t>(sum));
  return found;
}

#if HWY_TARGET == HWY_SCALAR

template <int kRows, int kPanels>
HWY_INLINE void Block(const std::int16_t* HWY_RESTRICT x, std::size_t x_stride, const Rounded* rounded, const Panels& w,
                      std::size_t panel, float* HWY_RESTRICT y, std::size_t y_stride) {
  const std::size_t groups = (w.inputs + 3) / 4;
  const std::uint32_t* HWY_RESTRICT words = w.words.data() + panel * groups * w.width;
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t column = panel * w.width; column < std::min((panel + kPanels) * w.width, w.outputs); ++column) {
      const std::uint32_t* word = words + (column / w.width - panel) * groups * w.width + column % w.width;
      std::uint32_t sum = 0;
      for (std::size_t g = 0; g < groups; ++g, word += w.width) {
        const std::int16_t* at = x + r * x_stride + 4 * g;
        for (unsigned i = 0; i < 4; ++i) {  // bytes 0 and 2, then 1 and 3
          const auto byte = static_cast<std::int32_t>((*word >> (8 * (i % 2 * 2 + i / 2))) & 0xFFU);
          sum += static_cast<std::uint32_t>(byte * at[i]);
        }
      }
      const auto exact = static_cast<std::int32_t>(sum - static_cast<std::uint32_t>(rounded[r].offset));
      y[r * y_stride + column] = static_cast<float>(exact) * (w.scale[column] * rounded[r].step) + w.bias[column];
    }
  }
}

#else

using D16 = hn::Repartition<std::int16_t, D>;
using V16 = hn::Vec<D16>;

// Adds the products of neighbours: sum0 + sum1 is what they come to.
HWY_INLINE VI AddProducts(V16 a, V16 b, VI sum0, VI& sum1) {
#if HWY_TARGET == HWY_AVX3_DL
  return VI{_mm512_dpwssd_epi32(sum0.raw, a.raw, b.raw)};  // VNNI
#else
  return hn::ReorderWidenMulAccumulate(DI(), a, b, sum0, sum1);
#endif
}

HWY_INLINE V16 Pair(const std::int16_t* x) {
  std::int32_t both;
  std::memcpy(&both, x, sizeof both);
  return hn::BitCast(D16(), hn::Set(DI(), both));
}

// kRows rows times kPanels panels, four inputs at a time. Sums may run over in between: they are right in the end.
template <int kRows, int kPanels>
HWY_INLINE void Block(const std::int16_t* HWY_RESTRICT x, std::size_t x_stride, const Rounded* rounded, const Panels& w,
                      std::size_t panel, float* HWY_RESTRICT y, std::size_t y_stride) {
  constexpr int kVectors = 2 * kPanels;
  const D d;
  const DI di;
  const D16 d16;
  const hn::RebindToUnsigned<D16> du16;
  const std::size_t lanes = hn::Lanes(d), groups = (w.inputs + 3) / 4;
  const std::uint32_t* HWY_RESTRICT words = w.words.data() + panel * groups * w.width;
  VI sums[kRows][kVectors], others[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = others[r][v] = hn::Zero(di);
  }
  const auto low = hn::Set(du16, 0xFF);
  for (std::size_t g = 0; g < groups; ++g, words += w.width) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const auto at =
          words + static_cast<std::size_t>(v / 2) * groups * w.width + static_cast<std::size_t>(v % 2) * lanes;
      const auto bytes = hn::BitCast(du16, hn::LoadU(hn::RebindToUnsigned<D>(), at));
      const V16 first = hn::BitCast(d16, hn::And(bytes, low)), second = hn::BitCast(d16, hn::ShiftRight<8>(bytes));
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const std::int16_t* row = x + static_cast<std::size_t>(r) * x_stride + 4 * g;
        sums[r][v] = AddProducts(first, Pair(row), sums[r][v], others[r][v]);
        sums[r][v] = AddProducts(second, Pair(row + 2), sums[r][v], others[r][v]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    V results[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const std::size_t column = panel * w.width + static_cast<std::size_t>(v) * lanes;
      const VI sum = hn::Sub(hn::RearrangeToOddPlusEven(sums[r][v], others[r][v]), hn::Set(di, rounded[r].offset));
      const V scale = hn::Mul(hn::LoadU(d, w.scale.data() + column), hn::Set(d, rounded[r].step));
      results[v] = hn::MulAdd(hn::ConvertTo(d, sum), scale, hn::LoadU(d, w.bias.data() + column));
    }
    for (int p = 0; p < kPanels; ++p) {
      const std::size_t column = (panel + static_cast<std::size_t>(p)) * w.width;
      StorePanel(results[2 * p], results[2 * p + 1], w.outputs - column,
                 y + static_cast<std::size_t>(r) * y_stride + column);
    }
  }
}

#endif

void DenseInt8(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
               std::size_t y_stride) noexcept {
  HWY_ALIGN std::int16_t whole[kMostRows * kMaxInt8Inputs];
  Rounded rounded[kMostRows];
  const std::size_t panels = (w.outputs + w.width - 1) / w.width, stride = (w.inputs + 3) / 4 * 4;
  for (std::size_t r = 0; r < rows;) {
    const std::size_t together = std::min<std::size_t>(rows - r, kMostRows);
    for (std::size_t i = 0; i < together; ++i) rounded[i] = Round(x + (r + i) * x_stride, w.inputs, whole + i * stride);
    float* to = y + r * y_stride;
    std::size_t p = 0;
    if (together == 1) {
      for (; p + 2 <= panels; p += 2) Block<1, 2>(whole, stride, rounded, w, p, to, y_stride);
    }
    for (; p < panels; ++p) {
      switch (together) {
        case 4:
          Block<4, 1>(whole, stride, rounded, w, p, to, y_stride);
          break;
        case 3:
          Block<3, 1>(whole, stride, rounded, w, p, to, y_stride);
          break;
        case 2:
          Block<2, 1>(whole, stride, rounded, w, p, to, y_stride);
          break;
        default:
          Block<1, 1>(whole, stride, rounded, w, p, to, y_stride);
          break;
      }
    }
    r += together;
  }
}

DenseKernel FindDenseInt8() { return DenseInt8; }

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace learn_rt {

HWY_EXPORT(FindDenseInt8);

DenseKernel dense_int8() {
  static const DenseKernel kernel = HWY_DYNAMIC_DISPATCH(FindDenseInt8)();
  return kernel;
}

}  // namespace learn_rt
#endif
