#include "operation_functions.h"

namespace learn_rt {

void LibraryOperation::run(const Source* in, const Result* out, std::size_t first,
                           std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t i = 0; i < size_; ++i) out->row(r)[i] = function_(in->row(r)[i]);
  }
}

void SelectOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    const float *c = in[0].row(r), *a = in[1].row(r), *b = in[2].row(r);
    float* y = out->row(r);
    for (std::size_t i = 0; i < size_; ++i) y[i] = c[i] != 0.0F ? a[i] : b[i];
  }
}

void RowsOperation::run(const Source* in, const Result* out, std::size_t first,
                        std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t o = 0; o < outer_; ++o) kernel_(in->row(r) + o * n_, out->row(r) + o * n_, n_);
  }
}

void ArgMaxOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    const float* x = in->row(r);
    for (std::size_t o = 0; o < outer_; ++o, x += n_) {
      std::size_t best = 0;
      for (std::size_t i = 1; i < n_ && x[best] == x[best]; ++i) {
        if (x[i] > x[best] || x[i] != x[i] || (last_ && x[i] == x[best])) best = i;
      }
      out->row(r)[o] = static_cast<float>(best);
    }
  }
}

void AffineOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  const auto affine = elementwise_kernels().affine;
  const std::size_t channels = mean_.size();
  for (std::size_t r = first; r < last; ++r) {
    const float* x = in->row(r);
    float* y = out->row(r);
    for (std::size_t b = 0; b < batch_; ++b) {
      if (inner_ == 1) {
        affine(x, mean_.data(), factor_.data(), offset_.data(), true, y, channels);
        x += channels;
        y += channels;
        continue;
      }
      for (std::size_t c = 0; c < channels; ++c, x += inner_, y += inner_) {
        affine(x, &mean_[c], &factor_[c], &offset_[c], false, y, inner_);
      }
    }
  }
}

}  // namespace learn_rt
