#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/spatial.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/dispatch.h"
#include "kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

constexpr std::size_t kOutputs = 4;  // outputs that share a load: 4 x 3 sums fill the registers of AVX2

// Four outputs at kVectors places of a row: results [starts[v], starts[v] + lanes).
template <int kVectors, class D>
HWY_INLINE void Block(D d, const float* HWY_RESTRICT x, const Sweep& sweep, const float* HWY_RESTRICT weights,
                      const float* HWY_RESTRICT bias, std::size_t outputs, const std::size_t* starts,
                      float* HWY_RESTRICT y, std::size_t y_stride) {
  using V = hn::Vec<D>;
  V sums[kOutputs][kVectors];
  for (std::size_t o = 0; o < kOutputs; ++o) {
    for (int v = 0; v < kVectors; ++v) sums[o][v] = hn::Set(d, bias[o]);
  }
  const std::size_t* HWY_RESTRICT taps = sweep.taps.data();
  for (std::size_t k = 0; k < sweep.taps.size(); ++k, weights += kOutputs) {
    V values[kVectors];
    for (int v = 0; v < kVectors; ++v) values[v] = hn::LoadU(d, x + taps[k] + starts[v]);
#pragma GCC unroll 4
    for (std::size_t o = 0; o < kOutputs; ++o) {
      const V weight = hn::Set(d, weights[o]);
      for (int v = 0; v < kVectors; ++v) sums[o][v] = hn::MulAdd(weight, values[v], sums[o][v]);
    }
  }
  for (std::size_t o = 0; o < outputs; ++o) {
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sums[o][v], d, y + o * y_stride + starts[v]);
  }
}

// The last vector of a row overlaps the one before it: `width` is at least a vector.
template <class D>
HWY_INLINE void Rows(D d, const float* x, const Sweep& sweep, const float* weights, const float* bias,
                     std::size_t outputs, float* y, std::size_t y_stride) {
  const std::size_t lanes = hn::Lanes(d), width = sweep.width, last = width - lanes;
  for (std::size_t r = 0; r < sweep.rows.size(); ++r, y += width) {
    const float* row = x + sweep.rows[r];
    for (std::size_t t = 0; t < width; t += 3 * lanes) {
      const std::size_t starts[3] = {std::min(t, last), std::min(t + lanes, last), std::min(t + 2 * lanes, last)};
      const std::size_t left = width - t;
      if (left > 2 * lanes) {
        Block<3>(d, row, sweep, weights, bias, outputs, starts, y, y_stride);
      } else if (left > lanes) {
        Block<2>(d, row, sweep, weights, bias, outputs, starts, y, y_stride);
      } else {
        Block<1>(d, row, sweep, weights, bias, outputs, starts, y, y_stride);
      }
    }
  }
}

void Convolve(const float* x, const Sweep& sweep, const float* weights, const float* bias, std::size_t outputs,
              float* y) noexcept {
  const hn::ScalableTag<float> full;
  const hn::CappedTag<float, 4> few;
  const hn::CappedTag<float, 1> one;
  const std::size_t results = sweep.results();
  for (std::size_t o = 0; o < outputs; o += kOutputs) {
    const std::size_t n = std::min(kOutputs, outputs - o);
    if (sweep.width >= hn::Lanes(full)) {
      Rows(full, x, sweep, weights, bias + o, n, y, results);
    } else if (sweep.width >= hn::Lanes(few)) {
      Rows(few, x, sweep, weights, bias + o, n, y, results);
    } else {
      Rows(one, x, sweep, weights, bias + o, n, y, results);
    }
    weights += kOutputs * sweep.taps.size();
    y += n * results;
  }
}

template <bool kLargest, class V>
HWY_INLINE V Join(V a, V b) {
  return kLargest ? hn::Max(b, a) : hn::Add(a, b);
}

template <bool kLargest>
void Pool(const float* x, const Sweep& sweep, float* y) noexcept {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d), width = sweep.width, stride = sweep.stride, taps = sweep.taps.size();
  for (const std::size_t start : sweep.rows) {
    const auto tap = [&](std::size_t k) { return x + start + sweep.taps[k]; };
    std::size_t t = 0;
    // By two, a vector's last element would lie beyond the row for the last result: it is left to the loop below.
    for (; stride <= 2 && t + lanes + (stride - 1) <= width; t += lanes) {
      const auto load = [&](const float* from) HWY_ATTR {
        if (stride == 1) return hn::LoadU(d, from + t);
        hn::Vec<decltype(d)> even, odd;
        hn::LoadInterleaved2(d, from + 2 * t, even, odd);
        return even;
      };
      auto result = load(tap(0));
      for (std::size_t k = 1; k < taps; ++k) result = Join<kLargest>(result, load(tap(k)));
      hn::StoreU(result, d, y + t);
    }
    for (; t < width; ++t) {
      float result = tap(0)[t * stride];
      for (std::size_t k = 1; k < taps; ++k) {
        const float value = tap(k)[t * stride];
        result = kLargest ? (result > value ? result : value) : result + value;
      }
      y[t] = result;
    }
    y += width;
  }
}

const SpatialKernels* Spatial() {
  static const SpatialKernels table{Convolve, Pool<true>, Pool<false>};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
LEARN_RT_CHOSEN(SpatialKernels, spatial_kernels, Spatial)
#endif
