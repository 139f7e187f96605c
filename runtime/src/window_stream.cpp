#include "window_stream.h"

#include <algorithm>
#include <limits>

namespace learn_rt {

WindowStream::WindowStream(const Spec& spec, Infer infer)
    : window_(spec.window),
      n_features_(spec.n_features()),
      n_outputs_(spec.n_outputs()),
      infer_(std::move(infer)),
      samples_(2 * window_ * n_features_) {}

void WindowStream::reset() LEARN_RT_REALTIME { taken_ = at_ = 0; }

void WindowStream::step(const float* sample, float* answer) LEARN_RT_REALTIME {
  std::copy(sample, sample + n_features_, samples_.begin() + static_cast<std::ptrdiff_t>(at_ * n_features_));
  std::copy(sample, sample + n_features_,
            samples_.begin() + static_cast<std::ptrdiff_t>((at_ + window_) * n_features_));
  at_ = (at_ + 1) % window_;
  if (taken_ < window_) ++taken_;
  if (taken_ < window_) return std::fill(answer, answer + n_outputs_, 0.0F);
  try {
    infer_(samples_.data() + at_ * n_features_, answer);
  } catch (...) {
    std::fill(answer, answer + n_outputs_, std::numeric_limits<float>::quiet_NaN());
  }
}

}  // namespace learn_rt
