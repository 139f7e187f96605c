#include "operation.h"

#include <algorithm>
#include <cstring>

namespace learn_rt {

void CopyOperation::run(const Source* in, const Result* out, std::size_t first,
                        std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    for (const Segment& s : segments_) {
      const float* from = in[s.input].row(r) + s.from;
      float* to = out->row(r) + s.to;
      if (s.count > 16) {
        std::memcpy(to, from, s.count * sizeof(float));
      } else {
        for (std::size_t i = 0; i < s.count; ++i) to[i] = from[i];
      }
    }
  }
}

void UnaryOperation::run(const Source* in, const Result* out, std::size_t first,
                         std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) kernel_(in->row(r), alpha_, beta_, out->row(r), size_);
}

void BinaryOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  const auto f = elementwise_kernels().binary[kind];
  const std::size_t n = std::max(a_size_, b_size_);
  for (std::size_t r = first; r < last; ++r) f(in[0].row(r), a_size_, in[1].row(r), b_size_, out->row(r), n);
}

void DenseOperation::run(const Source* in, const Result* out, std::size_t first,
                         std::size_t last) const LEARN_RT_REALTIME {
  if (inner_ == 1) return kernel_(in->row(first), in->stride, last - first, panels_, out->row(first), out->stride);
  for (std::size_t r = first; r < last; ++r) {
    kernel_(in->row(r), panels_.inputs, inner_, panels_, out->row(r), panels_.outputs);
  }
}

Work DenseOperation::work() const { return {panels_.size(), inner_ * panels_.inputs * panels_.outputs}; }

bool DenseOperation::stores_weights() const {
  // A small one is few bytes, and often what a long linear path or the sensors' own scale depends on.
  constexpr std::size_t kLeast = 4096;
  return panels_.inputs * panels_.outputs >= kLeast;
}

std::shared_ptr<const Operation> DenseOperation::with_weights(Weights form) const {
  if (panels_.form == form || (form == Weights::kInt8 && panels_.inputs > kMaxInt8Inputs)) return nullptr;
  return std::make_shared<DenseOperation>(repack(panels_, form), inner_);
}

void ThinDenseOperation::run(const Source* in, const Result* out, std::size_t first,
                             std::size_t last) const LEARN_RT_REALTIME {
  const auto dot = dense_kernels().dot;
  const std::size_t outputs = bias_.size(), inputs = weights_.size() / outputs;
  for (std::size_t r = first; r < last; ++r) {
    const float* x = in->row(r);
    float* y = out->row(r);
    for (std::size_t i = 0; i < inner_; ++i, x += inputs, y += outputs) {
      for (std::size_t o = 0; o < outputs; ++o) {
        y[o] = static_cast<float>(dot(x, weights_.data() + o * inputs, inputs) + static_cast<double>(bias_[o]));
      }
    }
  }
}

void MatMulOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  const Sizes& s = sizes_;
  for (std::size_t r = first; r < last; ++r) {
    float* y = out->row(r);
    for (std::size_t b = 0; b < s.batch; ++b) {
      const float* left = in[0].row(r) + b * s.a_step;
      const float* right = in[1].row(r) + b * s.b_step;
      for (std::size_t m = 0; m < s.m; ++m) {
        for (std::size_t n = 0; n < s.n; ++n) {
          double sum = 0;
          for (std::size_t k = 0; k < s.k; ++k) sum += static_cast<double>(left[m * s.k + k]) * right[k * s.n + n];
          *y++ = static_cast<float>(sum);
        }
      }
    }
  }
}

void ReduceOperation::run(const Source* in, const Result* out, std::size_t first,
                          std::size_t last) const LEARN_RT_REALTIME {
  for (std::size_t r = first; r < last; ++r) {
    const float* x = in->row(r);
    for (std::size_t o = 0; o < outer_; ++o, x += inner_) {
      double value = kind_ == Reduction::kSum || kind_ == Reduction::kMean ? 0.0 : static_cast<double>(*x);
      for (std::size_t i = 0; i < inner_; ++i) {
        const double each = x[i];
        value = kind_ == Reduction::kMax   ? std::max(value, each)
                : kind_ == Reduction::kMin ? std::min(value, each)
                                           : value + each;
      }
      if (kind_ == Reduction::kMean) value /= static_cast<double>(inner_);
      out->row(r)[o] = static_cast<float>(value);
    }
  }
}

void LayerNormOperation::run(const Source* in, const Result* out, std::size_t first,
                             std::size_t last) const LEARN_RT_REALTIME {
  const auto layer_norm = elementwise_kernels().layer_norm;
  const float* bias = bias_.empty() ? nullptr : bias_.data();
  const std::size_t n = scale_.size();
  for (std::size_t r = first; r < last; ++r) {
    for (std::size_t o = 0; o < outer_; ++o) {
      layer_norm(in->row(r) + o * n, scale_.data(), bias, epsilon_, out->row(r) + o * n, n);
    }
  }
}

void LstmCellOperation::run(const Source* in, const Result* out, std::size_t first,
                            std::size_t last) const LEARN_RT_REALTIME {
  const auto cell = recurrent_kernels().lstm_cell;
  for (std::size_t r = first; r < last; ++r) {
    cell(in[0].row(r), has_b_ ? in[1].row(r) : nullptr, gates_, in[2].row(r), has_mask_ ? *in[3].row(r) : 1.0F, size_,
         out[0].row(r), out[1].row(r));
  }
}

void LstmOperation::run(const Source* in, const Result* out, std::size_t first,
                        std::size_t last) const LEARN_RT_REALTIME {
  const auto dense = dense_kernels().dense;
  const auto cell = recurrent_kernels().lstm_cell;
  const std::size_t size = recurrent_.inputs, sums = 4 * size, state = batch_ * size;
  const GateOffsets gates{0, 2 * size, 3 * size, size};  // ONNX: input, output, forget, cell
  for (std::size_t r = first; r < last; ++r) {
    float *y = out[0].row(r), *c = out[2].row(r), *scratch = out[3].row(r);
    float* recurrent = scratch + steps_ * batch_ * sums;
    dense(in[0].row(r), input_.inputs, steps_ * batch_, input_, scratch, sums);
    const float* h = in[1].row(r);
    const float* before = in[2].row(r);
    for (std::size_t t = 0; t < steps_; ++t) {
      dense(h, size, batch_, recurrent_, recurrent, sums);
      // The cell state alternates between c and the last rows of the scratch, for input and output must not overlap.
      float* after = (steps_ - t) % 2 == 1 ? c : recurrent + batch_ * sums;
      for (std::size_t k = 0; k < batch_; ++k) {
        cell(scratch + (t * batch_ + k) * sums, recurrent + k * sums, gates, before + k * size, 1.0F, size,
             y + t * state + k * size, after + k * size);
      }
      before = after;
      h = y + t * state;
    }
    std::memcpy(out[1].row(r), h, state * sizeof(float));
  }
}

}  // namespace learn_rt
