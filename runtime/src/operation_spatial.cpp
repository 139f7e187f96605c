#include "operation_spatial.h"

namespace learn_rt {

void ConvolutionOperation::run(const Source* in, const Result* out, std::size_t first,
                               std::size_t last) const LEARN_RT_REALTIME {
  const auto convolve = spatial_kernels().convolve;
  for (std::size_t r = first; r < last; ++r) {
    const float* x = in->row(r);
    float* y = out->row(r);
    for (std::size_t b = 0; b < batch_; ++b) {
      for (const Group& group : groups_) {
        convolve(x, sweep_, group.weights.data(), group.bias.data(), outputs_, y);
        x += step_;
        y += outputs_ * sweep_.results();
      }
    }
  }
}

Work ConvolutionOperation::work() const {
  Work work;
  for (const Group& group : groups_) {
    work.weight_bytes += group.weights.size() * sizeof(float);
    work.multiply_adds += batch_ * outputs_ * sweep_.taps.size() * sweep_.results();
  }
  return work;
}

void PoolOperation::run(const Source* in, const Result* out, std::size_t first,
                        std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t c = 0; c < channels_; ++c) {
      kernel_(in->row(r) + c * step_, sweep_, out->row(r) + c * sweep_.results());
    }
  }
}

}  // namespace learn_rt
