// Stores of a panel's sums. Included once a target: no plain include guard.
#if defined(LEARN_RT_STORE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef LEARN_RT_STORE_INL_H
#undef LEARN_RT_STORE_INL_H
#else
#define LEARN_RT_STORE_INL_H
#endif

#include <hwy/highway.h>

#include <cstring>

HWY_BEFORE_NAMESPACE();
namespace learn_rt {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Stores two vectors, or the part of them that is there: `columns`, which may be fewer than they hold.
template <class V>
HWY_INLINE void StorePanel(V first, V second, std::size_t columns, float* y) {
  const hn::ScalableTag<float> d;
  const std::size_t lanes = hn::Lanes(d);
  if (columns >= 2 * lanes) {
    hn::StoreU(first, d, y);
    hn::StoreU(second, d, y + lanes);
    return;
  }
  HWY_ALIGN float padded[2 * HWY_MAX_BYTES / sizeof(float)];
  hn::Store(first, d, padded);
  hn::Store(second, d, padded + lanes);
  std::memcpy(y, padded, columns * sizeof(float));
}

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt
HWY_AFTER_NAMESPACE();

#endif
