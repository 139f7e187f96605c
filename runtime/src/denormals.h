#pragma once

#include <cstdint>

#if defined(__SSE__)
#include <immintrin.h>
#endif

#include "learn_rt/realtime.h"

namespace learn_rt {

// Takes numbers too small for float32's full precision (below 1.2e-38) as zero while it lives, on this thread: many
// processors take a hundred times as long for each of them, and a signal that dies away is full of them.
class DenormalsAreZero {
 public:
  DenormalsAreZero() LEARN_RT_REALTIME : before_(control()) {
    if ((before_ & kZero) != kZero) set_control(before_ | kZero);
  }
  // What the caller had comes back.
  ~DenormalsAreZero() {
    if ((before_ & kZero) != kZero) set_control(before_);
  }
  DenormalsAreZero(const DenormalsAreZero&) = delete;
  DenormalsAreZero& operator=(const DenormalsAreZero&) = delete;

 private:
#if defined(__SSE__)
  using Control = unsigned;
  static constexpr Control kZero = 0x8040;  // MXCSR: results flushed (bit 15), operands taken as zero (bit 6)
  static Control control() LEARN_RT_REALTIME { return _mm_getcsr(); }
  static void set_control(Control control) LEARN_RT_REALTIME { _mm_setcsr(control); }
#elif defined(__aarch64__)
  using Control = std::uint64_t;
  static constexpr Control kZero = 1U << 24;  // FPCR.FZ: both
  static Control control() LEARN_RT_REALTIME {
    Control control;
    asm volatile("mrs %0, fpcr" : "=r"(control));
    return control;
  }
  static void set_control(Control control) LEARN_RT_REALTIME { asm volatile("msr fpcr, %0" : : "r"(control)); }
#else
#error "say how denormals are taken as zero on this processor"
#endif

  const Control before_;
};

}  // namespace learn_rt
