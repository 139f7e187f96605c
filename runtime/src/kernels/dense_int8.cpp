#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dense_int8.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>

#include "kernels/dispatch.h"
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

// Rounds a row to 16 bits, or to as many as keep the sums inside 32: sum |x| |w| < 2^31 for |w| <= 127. Fills up to a
// multiple of 4. Returns what one of them stands for; NaN when the row is not finite.
HWY_INLINE float Round(const float* HWY_RESTRICT x, std::size_t n, std::int16_t* HWY_RESTRICT to) {
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
  if (!fine || largest < 1e-30F) {  // so small that its reciprocal is infinite: as good as nothing
    std::fill(to, to + (n + 3) / 4 * 4, std::int16_t{0});
    return fine ? 0.0F : std::numeric_limits<float>::quiet_NaN();
  }
  const auto room = static_cast<float>(std::min<std::size_t>(32767, 16909320 / n));
  const float factor = room / largest;
  const V factors = hn::Set(d, factor);
  for (std::size_t i = 0; i < whole; i += lanes) {
    const VI rounded = hn::NearestInt(hn::Mul(hn::LoadU(d, x + i), factors));
    hn::StoreU(hn::DemoteTo(d16, rounded), d16, to + i);
  }
  for (std::size_t i = whole; i < n; ++i) to[i] = static_cast<std::int16_t>(std::lrintf(x[i] * factor));
  for (std::size_t i = n; i % 4 != 0; ++i) to[i] = 0;
  return largest / room;
}

#if HWY_TARGET == HWY_SCALAR

template <int kRows, int kPanels>
HWY_INLINE void Block(const std::int16_t* HWY_RESTRICT x, std::size_t x_stride, const float* steps, const Panels& w,
                      std::size_t panel, float* HWY_RESTRICT y, std::size_t y_stride) {
  const std::size_t pairs = (w.inputs + 3) / 4 * 2, panel_bytes = pairs * w.width * 2;
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t o = panel * w.width; o < std::min((panel + kPanels) * w.width, w.outputs); ++o) {
      const std::int8_t* bytes = w.bytes.data() + o / w.width * panel_bytes + o % w.width * 2;
      std::int32_t sum = 0;
      for (std::size_t p = 0; p < pairs; ++p, bytes += w.width * 2) {
        const std::int16_t* at = x + r * x_stride + 2 * p;
        sum += bytes[0] * at[0] + bytes[1] * at[1];
      }
      y[r * y_stride + o] = static_cast<float>(sum) * (w.scale[o] * steps[r]) + w.bias[o];
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

// Adds the products of two inputs, which lie at `pair` of each row.
template <int kRows, int kPanels>
HWY_INLINE void AddPair(const std::int16_t* HWY_RESTRICT pair, std::size_t x_stride,
                        const std::int8_t* HWY_RESTRICT bytes, std::size_t panel_bytes, VI (&sums)[kRows][2 * kPanels],
                        VI (&others)[kRows][2 * kPanels]) {
  const D16 d16;
  const hn::Rebind<std::int8_t, D16> d8;
  const std::size_t lanes = hn::Lanes(D());
#pragma GCC unroll 8
  for (int v = 0; v < 2 * kPanels; ++v) {
    const auto at = static_cast<std::size_t>(v / 2) * panel_bytes + static_cast<std::size_t>(v % 2) * 2 * lanes;
    const V16 weights = hn::PromoteTo(d16, hn::LoadU(d8, bytes + at));
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const V16 x = Pair(pair + static_cast<std::size_t>(r) * x_stride);
      sums[r][v] = AddProducts(weights, x, sums[r][v], others[r][v]);
    }
  }
}

// kRows rows times kPanels panels, four inputs at a time: an addition takes one cycle, so that few sums are enough, and
// eight would not stay in registers.
template <int kRows, int kPanels>
HWY_INLINE void Block(const std::int16_t* HWY_RESTRICT x, std::size_t x_stride, const float* steps, const Panels& w,
                      std::size_t panel, float* HWY_RESTRICT y, std::size_t y_stride) {
  constexpr int kVectors = 2 * kPanels;
  const D d;
  const DI di;
  const std::size_t lanes = hn::Lanes(d), pairs = (w.inputs + 3) / 4 * 2, pair_bytes = w.width * 2;
  const std::size_t panel_bytes = pairs * pair_bytes;
  const std::int8_t* HWY_RESTRICT bytes = w.bytes.data() + panel * panel_bytes;
  VI sums[kRows][kVectors], others[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = others[r][v] = hn::Zero(di);
  }
  for (std::size_t p = 0; p < pairs; p += 2, bytes += 2 * pair_bytes) {
    AddPair<kRows, kPanels>(x + 2 * p, x_stride, bytes, panel_bytes, sums, others);
    AddPair<kRows, kPanels>(x + 2 * p + 2, x_stride, bytes + pair_bytes, panel_bytes, sums, others);
  }
  for (int r = 0; r < kRows; ++r) {
    V results[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      const std::size_t column = panel * w.width + static_cast<std::size_t>(v) * lanes;
      const VI sum = hn::RearrangeToOddPlusEven(sums[r][v], others[r][v]);
      const V scale = hn::Mul(hn::LoadU(d, w.scale.data() + column), hn::Set(d, steps[r]));
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
  float steps[kMostRows];
  const std::size_t panels = (w.outputs + w.width - 1) / w.width, stride = (w.inputs + 3) / 4 * 4;
  for (std::size_t r = 0; r < rows;) {
    const std::size_t together = std::min<std::size_t>(rows - r, kMostRows);
    for (std::size_t i = 0; i < together; ++i) steps[i] = Round(x + (r + i) * x_stride, w.inputs, whole + i * stride);
    float* to = y + r * y_stride;
    std::size_t p = 0;
    if (together == 1) {
      for (; p + 2 <= panels; p += 2) Block<1, 2>(whole, stride, steps, w, p, to, y_stride);
    }
    for (; p < panels; ++p) {
      switch (together) {
        case 4:
          Block<4, 1>(whole, stride, steps, w, p, to, y_stride);
          break;
        case 3:
          Block<3, 1>(whole, stride, steps, w, p, to, y_stride);
          break;
        case 2:
          Block<2, 1>(whole, stride, steps, w, p, to, y_stride);
          break;
        default:
          Block<1, 1>(whole, stride, steps, w, p, to, y_stride);
          break;
      }
    }
    r += together;
  }
}

const DenseKernel* Int8() {
  static const DenseKernel kernel = DenseInt8;
  return &kernel;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(DenseKernel, dense_int8, Int8)
#endif
