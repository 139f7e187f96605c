#pragma once

#include <cstddef>
#include <vector>

namespace learn_rt {

// Vector code for the machine at hand, chosen once: each table is filled for the best instruction set that runs here.

enum Unary { kRelu, kAbs, kNeg, kSigmoid, kTanh, kExp, kSqrt, kReciprocal, kUnaryCount };
enum Binary { kAdd, kSub, kMul, kDiv, kMin, kMax, kBinaryCount };

struct ElementwiseKernels {
  const char* target;  // "AVX2"
  // y[i] = f(x[i]). y must not overlap x.
  void (*unary[kUnaryCount])(const float* x, float* y, std::size_t n) noexcept;
  // y[i] = f(a[i], b[i]); a size of 1 against n stands for all.
  void (*binary[kBinaryCount])(const float* a, std::size_t a_size, const float* b, std::size_t b_size, float* y,
                               std::size_t n) noexcept;
  // Layer normalization of one row: (x - mean) / sqrt(var + epsilon) * scale + bias; bias may be null.
  void (*layer_norm)(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                     std::size_t n) noexcept;
};

// A weight matrix of `inputs` by `outputs`, in panels of `width` outputs, each contiguous along the inputs, so that one
// broadcast input meets one load. The last panel is padded with zeros.
struct Panels {
  std::size_t inputs = 0, outputs = 0, width = 0;
  std::vector<float> weights;  // [panel][input][width]
  std::vector<float> bias;     // [panel][width]
};

struct DenseKernels {
  std::size_t width;  // of the panels
  // y[r][o] = bias[o] + sum_i x[r][i] w[i][o] for `rows` rows, strides in floats. Each row's sums run in the same order
  // whatever the number of rows: the same row gives the same bits.
  void (*dense)(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
                std::size_t y_stride) noexcept;
  // The sum of x[i] w[i], in double.
  double (*dot)(const float* x, const float* w, std::size_t n) noexcept;
};

// Where the gates of an LSTM start in its 4 n pre-activations.
struct GateOffsets {
  std::size_t i, f, g, o;
};

struct RecurrentKernels {
  // With z = a + b (b may be null): c' = (sigmoid(z.f) c + sigmoid(z.i) tanh(z.g)) mask, h' = sigmoid(z.o) tanh(c').
  void (*lstm_cell)(const float* a, const float* b, const GateOffsets& gates, const float* c, float mask, std::size_t n,
                    float* h_next, float* c_next) noexcept;
};

const ElementwiseKernels& elementwise_kernels();
const DenseKernels& dense_kernels();
const RecurrentKernels& recurrent_kernels();

// Floats that pack() makes of a matrix: outputs are padded to whole panels.
std::size_t packed_size(std::size_t inputs, std::size_t outputs);

// `weights` is [inputs][outputs], or [outputs][inputs] when `transposed`; `bias` may be null.
Panels pack(const float* weights, std::size_t inputs, std::size_t outputs, bool transposed, const float* bias);

}  // namespace learn_rt
