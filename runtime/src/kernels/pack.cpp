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

// Bytes are filled up to whole groups of four inputs.
std::size_t pairs_of(const Panels& p) { return p.form == Weights::kInt8 ? (p.inputs + 3) / 4 * 2 : (p.inputs + 1) / 2; }
std::size_t panels_of(const Panels& p) { return p.bias.size() / p.width; }

Panels emptied(const Panels& from, Weights form) {
  Panels to;
  to.inputs = from.inputs;
  to.outputs = from.outputs;
  to.width = from.width;
  to.form = form;
  to.bias = from.bias;
  const std::size_t pairs = panels_of(from) * pairs_of(to) * from.width;
  if (form == Weights::kInt8) {
    to.bytes.assign(2 * pairs, 0);
  } else {
    to.words.assign(pairs, 0);
  }
  return to;
}

Panels to_bf16(const Panels& from) {
  Panels to = emptied(from, Weights::kBf16);
  const std::size_t pairs = pairs_of(to);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t i, float weight) {
    to.words[(panel * pairs + i / 2) * to.width + column] |= bf16(weight) << (16 * (i % 2));
  });
  return to;
}

// What one whole number stands for of each output: its largest weight is `most`.
void find_scales(const Panels& from, float most, Panels& to) {
  to.scale.assign(from.bias.size(), 0.0F);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t, float weight) {
    float& largest = to.scale[panel * to.width + column];
    largest = std::max(largest, std::abs(weight));
  });
  for (float& scale : to.scale) scale /= most;
}

long rounded(float weight, float scale, long most) {
  return scale > 0.0F ? std::clamp(std::lrint(weight / scale), -most, most) : 0;
}

Panels to_int16(const Panels& from) {
  constexpr long kMost = 32767;
  Panels to = emptied(from, Weights::kInt16);
  const std::size_t pairs = pairs_of(to);
  find_scales(from, kMost, to);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t i, float weight) {
    const auto whole = static_cast<std::uint16_t>(rounded(weight, to.scale[panel * to.width + column], kMost));
    to.words[(panel * pairs + i / 2) * to.width + column] |= std::uint32_t{whole} << (16 * (i % 2));
  });
  for (float& scale : to.scale) scale /= 65536.0F;  // the kernel reads them from the upper half of a word
  return to;
}

Panels to_int8(const Panels& from) {
  constexpr long kMost = 127;
  Panels to = emptied(from, Weights::kInt8);
  const std::size_t pairs = pairs_of(to);
  find_scales(from, kMost, to);
  for_each(from, [&](std::size_t panel, std::size_t column, std::size_t i, float weight) {
    to.bytes[((panel * pairs + i / 2) * to.width + column) * 2 + i % 2] =
        static_cast<std::int8_t>(rounded(weight, to.scale[panel * to.width + column], kMost));
  });
  return to;
}

}  // namespace

DenseKernel dense_kernel(Weights form) {
  if (form == Weights::kBf16) return pair_kernels().bf16;
  if (form == Weights::kInt16) return pair_kernels().int16;
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
  if (form == Weights::kInt16) return to_int16(panels);
  if (form == Weights::kInt8) return to_int8(panels);
  return panels;
}

}  // namespace learn_rt
