// Weight matrices brought into the order and form that the dense kernels read.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/kernels.h"

namespace learn_rt {
namespace {

// The upper half of a float, rounded to nearest, halves to even. A NaN stays one.
std::uint32_t bf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (std::isnan(value)) return (bits >> 16) | 0x40U;
  return (bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16;
}

// Calls body(panel, column, input, weight) for every weight.
template <class Body>
void for_each(const Panels& p, Body body) {
  for (std::size_t o = 0; o < p.outputs; ++o) {
    const std::size_t panel = o / p.width, column = o % p.width;
    const float* weights = p.weights.data() + panel * p.inputs * p.width + column;
    for (std::size_t i = 0; i < p.inputs; ++i) body(panel, column, i, weights[i * p.width]);
  }
}

Panels emptied(const Panels& from, Weights form, std::size_t group) {
  Panels to;
  to.inputs = from.inputs;
  to.outputs = from.outputs;
  to.width = from.width;
  to.form = form;
  to.bias = from.bias;
  const std::size_t n_panels = from.bias.size() / from.width, groups = (from.inputs + group - 1) / group;
  to.words.assign(n_panels * groups * from.width, 0);
  return to;
}

Panels to_bf16(const Panels& from) {
  Panels to = emptied(from, Weights::kBf16, 2);
  const std::size_t groups = (from.inputs + 1) / 2;
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t i, float weight) {
    to.words[(panel * groups + i / 2) * to.width + column] |= bf16(weight) << (16 * (i % 2));
  });
  return to;
}

// Weights are kept as w + 128, so that a shift and a mask widen them: the kernel takes the 128 away again. Of the four
// inputs of a word, the first two are bytes 0 and 2, the others bytes 1 and 3: pairs that widen to neighbours.
Panels to_int8(const Panels& from) {
  constexpr unsigned kByte[4] = {0, 2, 1, 3};
  Panels to = emptied(from, Weights::kInt8, 4);
  const std::size_t groups = (from.inputs + 3) / 4;
  to.scale.assign(from.bias.size(), 0.0F);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t, float weight) {
    float& largest = to.scale[panel * to.width + column];
    largest = std::max(largest, std::abs(weight));
  });
  for (float& scale : to.scale) scale /= 127.0F;
  std::fill(to.words.begin(), to.words.end(), 0x80808080U);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t i, float weight) {
    const float scale = to.scale[panel * to.width + column];
    const long rounded = scale > 0.0F ? std::lrint(weight / scale) : 0;
    const auto byte = static_cast<std::uint32_t>(std::clamp(rounded, -127L, 127L) + 128);
    std::uint32_t& word = to.words[(panel * groups + i / 4) * to.width + column];
    const unsigned shift = 8 * kByte[i % 4];
    word = (word & ~(0xFFU << shift)) | (byte << shift);
  });
  return to;
}

}  // namespace

DenseKernel dense_kernel(Weights form) {
  if (form == Weights::kBf16) return dense_bf16();
  if (form == Weights::kInt8) return dense_int8();
  return dense_kernels().dense;
}

std::size_t packed_size(std::size_t inputs, std::size_t outputs) {
  const std::size_t width = dense_kernels().width;
  return (outputs + width - 1) / width * width * inputs;
}

Panels pack(const float* weights, std::size_t inputs, std::size_t outputs, bool transposed, const float* bias) {
  Panels panels;
  panels.inputs = inputs;
  panels.outputs = outputs;
  panels.width = dense_kernels().width;
  const std::size_t n = (outputs + panels.width - 1) / panels.width;
  panels.weights.assign(n * inputs * panels.width, 0.0F);
  panels.bias.assign(n * panels.width, 0.0F);
  for (std::size_t o = 0; o < outputs; ++o) {
    float* column = panels.weights.data() + o / panels.width * inputs * panels.width + o % panels.width;
    for (std::size_t i = 0; i < inputs; ++i) {
      column[i * panels.width] = transposed ? weights[o * inputs + i] : weights[i * outputs + o];
    }
    if (bias != nullptr) panels.bias[o] = bias[o];
  }
  return panels;
}

Panels repack(const Panels& panels, Weights form) {
  if (form == Weights::kBf16) return to_bf16(panels);
  if (form == Weights::kInt8) return to_int8(panels);
  return panels;
}

}  // namespace learn_rt
