#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/aligned.h"
#include "learn_rt/weights.h"

namespace learn_rt {

// Vector code for the machine at hand, chosen once: each table is filled for the best instruction set that runs here.

enum Unary {
  kRelu,
  kAbs,
  kNeg,
  kSigmoid,
  kTanh,
  kExp,
  kSqrt,
  kReciprocal,
  kLeakyRelu,    // alpha x below 0
  kElu,          // alpha (exp(x) - 1) below 0
  kHardSigmoid,  // alpha x + beta, held to 0 and 1
  kSign,
  kFloor,
  kCeil,
  kRound,  // halves to even
  kElementaryCount,
  kLog = kElementaryCount,
  kSin,
  kCos,
  kErf,
  kGelu,
  kGeluTanh,  // its approximation by tanh
  kSoftplus,
  kUnaryCount
};
// From kEqual on: 1 where it holds, else 0.
enum Binary { kAdd, kSub, kMul, kDiv, kMin, kMax, kPow, kEqual, kGreater, kGreaterOrEqual, kAnd, kOr, kBinaryCount };

// y[i] = f(x[i]); most functions have no use for alpha and beta. y must not overlap x.
using UnaryKernel = void (*)(const float* x, float alpha, float beta, float* y, std::size_t n) noexcept;

struct ElementwiseKernels {
  const char* target;  // "AVX2"
  UnaryKernel unary[kElementaryCount];
  // y[i] = f(a[i], b[i]); a size of 1 against n stands for all.
  void (*binary[kBinaryCount])(const float* a, std::size_t a_size, const float* b, std::size_t b_size, float* y,
                               std::size_t n) noexcept;
  // y = (x - mean) factor + offset, the three given once for the n values or, when `each`, for each of them.
  void (*affine)(const float* x, const float* mean, const float* factor, const float* offset, bool each, float* y,
                 std::size_t n) noexcept;
  // Layer normalization of one row: (x - mean) / sqrt(var + epsilon) * scale + bias; bias may be null.
  void (*layer_norm)(const float* x, const float* scale, const float* bias, float epsilon, float* y,
                     std::size_t n) noexcept;
};

// A weight matrix of `inputs` by `outputs`, in panels of `width` outputs, each contiguous along the inputs, so that one
// broadcast input meets one load. The last panel is padded with zeros.
//
// In fewer bits, an output's weights for two inputs that follow each other lie together.
struct Panels {
  std::size_t inputs = 0, outputs = 0, width = 0;
  Weights form = Weights::kFp32;
  Lines<float> weights;        // fp32: [panel][input][width]
  Lines<std::uint32_t> words;  // bf16, int16: [panel][pair of inputs][width]
  Lines<std::int8_t> bytes;    // int8: [panel][pair of inputs][width][2], an even number of pairs
  Lines<float> scale;          // int16, int8: [panel][width]
  Lines<float> bias;           // [panel][width]

  // Bytes that one product reads.
  std::size_t size() const noexcept {
    return 4 * (weights.size() + words.size() + scale.size() + bias.size()) + bytes.size();
  }
};

// y[r][o] = bias[o] + sum_i x[r][i] w[i][o] for `rows` rows, strides in floats. Each row's sums run in the same order
// whatever the number of rows: the same row gives the same bits.
using DenseKernel = void (*)(const float* x, std::size_t x_stride, std::size_t rows, const Panels& w, float* y,
                             std::size_t y_stride) noexcept;

// Of panels whose words hold two weights.
struct PairKernels {
  DenseKernel bf16, int16;
};

struct DenseKernels {
  std::size_t width;  // of the panels
  DenseKernel dense;  // fp32
  // The sum of x[i] w[i], in double.
  double (*dot)(const float* x, const float* w, std::size_t n) noexcept;
};

// Where the gates of an LSTM start in its 4 n pre-activations.
struct GateOffsets {
  std::size_t i, f, g, o;
};

// The gates of a GRU before their activations: the input's share, or the state's.
struct GruGates {
  const float *r, *z, *n;
};

struct RecurrentKernels {
  // With z = a + b (b may be null): c' = (sigmoid(z.f) c + sigmoid(z.i) tanh(z.g)) mask, h' = sigmoid(z.o) tanh(c').
  void (*lstm_cell)(const float* a, const float* b, const GateOffsets& gates, const float* c, float mask, std::size_t n,
                    float* h_next, float* c_next) noexcept;
  // h' = n + z (h - n), z = sigmoid(a.z + b.z), n = tanh(a.n + sigmoid(a.r + b.r) b.n): a GRU that resets after the
  // product with the state (ONNX: linear_before_reset = 1).
  void (*gru_cell)(const GruGates& a, const GruGates& b, const float* h, std::size_t n, float* h_next) noexcept;
  // sigmoid(a + b) h: what a GRU that resets before the product multiplies.
  void (*gru_reset)(const float* a, const float* b, const float* h, std::size_t n, float* reset) noexcept;
  // The rest of that GRU: as gru_cell with n = tanh(a.n + b.n). Neither a.r nor b.r is read.
  void (*gru_update)(const GruGates& a, const GruGates& b, const float* h, std::size_t n, float* h_next) noexcept;
};

// The functions that take more than a few operations, from kLog on.
struct FunctionKernels {
  UnaryKernel unary[kUnaryCount - kElementaryCount];
  // y[i] = exp(x[i]) / sum exp(x), and the logarithm of that.
  void (*softmax)(const float* x, float* y, std::size_t n) noexcept;
  void (*log_softmax)(const float* x, float* y, std::size_t n) noexcept;
};

// How convolutions and pools walk over their input: result t of row r is made from
// x[rows[r] + taps[k] + t stride] for every tap k.
struct Sweep {
  std::size_t width = 0, stride = 1;
  std::vector<std::size_t> rows, taps;
  std::size_t results() const noexcept { return rows.size() * width; }
};

struct SpatialKernels {
  // `outputs` rows of results, each tap of each weighed: weights [outputs / 4][tap][4], padded with zeros, and bias.
  // The sweep's stride must be 1.
  void (*convolve)(const float* x, const Sweep& sweep, const float* weights, const float* bias, std::size_t outputs,
                   float* y) noexcept;
  // The largest of the taps, and their sum.
  void (*largest)(const float* x, const Sweep& sweep, float* y) noexcept;
  void (*sum)(const float* x, const Sweep& sweep, float* y) noexcept;
};

const ElementwiseKernels& elementwise_kernels();
const SpatialKernels& spatial_kernels();
const FunctionKernels& function_kernels();
UnaryKernel unary_kernel(Unary kind);
const DenseKernels& dense_kernels();
const PairKernels& pair_kernels();
const DenseKernel& dense_int8();
// The one for panels of this form.
DenseKernel dense_kernel(Weights form);
const RecurrentKernels& recurrent_kernels();

// Floats that pack() makes of a matrix: outputs are padded to whole panels.
std::size_t packed_size(std::size_t inputs, std::size_t outputs);

// `weights` is [inputs][outputs], or [outputs][inputs] when `transposed`; `bias` may be null.
Panels pack(const float* weights, std::size_t inputs, std::size_t outputs, bool transposed, const float* bias);

// The same matrix in another form, from fp32. int8 takes at most kMaxInt8Inputs inputs.
constexpr std::size_t kMaxInt8Inputs = 4096;
Panels repack(const Panels& panels, Weights form);

}  // namespace learn_rt
