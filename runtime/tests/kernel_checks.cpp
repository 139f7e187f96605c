#include "kernel_checks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <sstream>
#include <vector>

#include "kernels/kernels.h"

namespace learn_rt::testing {
namespace {

using Floats = std::vector<float>;

constexpr double kEps = 1.1920929e-7;
constexpr std::size_t kSizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 23, 31, 32, 33, 63, 65, 100};
constexpr float kGuard = 12345.0F;  // beyond every result: must stay

class Check {
 public:
  Floats random(std::size_t n, float size = 2.0F) {
    std::uniform_real_distribution<float> value(-size, size);
    Floats values(n);
    for (float& v : values) v = value(generator_);
    return values;
  }

  void near(double got, double want, double bound, const std::string& what, std::size_t n) {
    if (std::abs(got - want) <= bound) return;
    std::ostringstream text;
    text << what << " of size " << n << ": " << got << " where " << want << " +- " << bound << " is right\n";
    wrong += text.str();
  }
  void that(bool holds, const std::string& what, std::size_t n) {
    if (!holds) wrong += what + " of size " + std::to_string(n) + "\n";
  }

  std::string wrong;

 private:
  std::mt19937 generator_{1};
};

double sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }

const char* name_of(Weights form) {
  return form == Weights::kFp32 ? "fp32" : form == Weights::kBf16 ? "bf16" : form == Weights::kInt16 ? "int16" : "int8";
}

// How far a weight may be from the one that came.
double weight_error(Weights form, double weight, double largest) {
  if (form == Weights::kFp32) return 0.0;
  if (form == Weights::kBf16) return std::abs(weight) / 256.0;
  return 0.5 * largest / (form == Weights::kInt16 ? 32767.0 : 127.0);
}

void check_dense_size(Check& check, Weights form, std::size_t inputs, std::size_t outputs) {
  constexpr std::size_t kMost = 14;
  const std::string what = std::string("dense ") + name_of(form) + " to " + std::to_string(outputs);
  const Floats w = check.random(inputs * outputs), bias = check.random(outputs), x = check.random(kMost * inputs);
  const Panels panels = repack(pack(w.data(), inputs, outputs, false, bias.data()), form);
  Floats first(outputs);
  dense_kernel(form)(x.data(), inputs, 1, panels, first.data(), outputs);
  for (std::size_t o = 0; o < outputs; ++o) {
    double sum = bias[o], bound = std::abs(sum), off = 0, largest = 0, most = 0, all = 0;
    for (std::size_t i = 0; i < inputs; ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(w[i * outputs + o])));
      most = std::max(most, std::abs(static_cast<double>(x[i])));
    }
    for (std::size_t i = 0; i < inputs; ++i) {
      const double weight = w[i * outputs + o], value = x[i];
      sum += weight * value;
      bound += std::abs(weight * value);
      off += weight_error(form, weight, largest) * std::abs(value);
      all += std::abs(weight) + largest / 127.0;
    }
    if (form == Weights::kInt8) off += all * most / 32767.0;  // the rounded row
    const auto terms = static_cast<double>(inputs + 2);
    check.near(first[o], sum, terms * kEps * bound + 1.01 * off, what, inputs);
  }
  for (const std::size_t rows : {2U, 3U, 4U, 5U, 6U, 7U, 13U}) {
    const std::size_t stride = outputs + 3;
    Floats y(rows * stride, kGuard);
    dense_kernel(form)(x.data(), inputs, rows, panels, y.data(), stride);
    check.that(std::equal(first.begin(), first.end(), y.begin()), what + ": other bits beside other rows", inputs);
    Floats last(outputs);
    dense_kernel(form)(x.data() + (rows - 1) * inputs, inputs, 1, panels, last.data(), outputs);
    const float* from = &y[(rows - 1) * stride];
    check.that(std::equal(last.begin(), last.end(), from), what + ": other bits in the last row", inputs);
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t o = outputs; o < stride; ++o) {
        check.that(y[r * stride + o] == kGuard, what + ": writes beyond its row", inputs);
      }
    }
  }
}

void check_dense(Check& check) {
  for (const Weights form : {Weights::kFp32, Weights::kBf16, Weights::kInt16, Weights::kInt8}) {
    for (const std::size_t inputs : kSizes) {
      for (const std::size_t outputs : {1U, 5U, 8U, 17U, 31U, 33U, 48U, 101U}) {
        check_dense_size(check, form, inputs, outputs);
      }
    }
    check_dense_size(check, form, 700, 130);
    // What is not finite stays so, and nothing is still nothing.
    const Floats w(33 * 17, 0.5F);
    const Panels panels = repack(pack(w.data(), 33, 17, false, nullptr), form);
    Floats x(33, 1.0F), y(17);
    for (const float bad : {NAN, INFINITY, -INFINITY}) {
      for (const std::size_t at : {0U, 7U, 32U}) {
        x[at] = bad;
        dense_kernel(form)(x.data(), 33, 1, panels, y.data(), 17);
        x[at] = 1.0F;
        check.that(std::none_of(y.begin(), y.end(), [](float v) { return std::isfinite(v); }),
                   std::string("a value that is not finite became one in dense ") + name_of(form), at);
      }
    }
    const Floats zeros(33, 0.0F), tiny(33, 1e-40F);
    for (const Floats& small : {zeros, tiny}) {
      dense_kernel(form)(small.data(), 33, 1, panels, y.data(), 17);
      check.near(y[0], 0.0, 1e-37, std::string("nothing through dense ") + name_of(form), 33);
    }
  }
}

void check_elementwise(Check& check, std::size_t n) {
  const Floats x = check.random(n), b = check.random(n);
  Floats y(n + 1, kGuard);
  const auto unary = [&](Unary kind, double (*f)(double), const char* what) {
    unary_kernel(kind)(x.data(), 0.5F, 0.25F, y.data(), n);
    for (std::size_t i = 0; i < n; ++i) {
      const double want = f(x[i]);
      check.near(y[i], want, 4e-6 * std::max(1.0, std::abs(want)), what, n);
    }
    check.that(y[n] == kGuard, std::string(what) + ": writes beyond its end", n);
  };
  unary(
      kRelu, [](double v) { return std::max(v, 0.0); }, "relu");
  unary(
      kNeg, [](double v) { return -v; }, "neg");
  unary(
      kAbs, [](double v) { return std::abs(v); }, "abs");
  unary(kSigmoid, sigmoid, "sigmoid");
  unary(
      kTanh, [](double v) { return std::tanh(v); }, "tanh");
  unary(
      kExp, [](double v) { return std::exp(v); }, "exp");
  unary(
      kReciprocal, [](double v) { return 1.0 / v; }, "1/x");
  unary(
      kLeakyRelu, [](double v) { return v < 0 ? 0.5 * v : v; }, "leaky relu");
  unary(
      kElu, [](double v) { return v < 0 ? 0.5 * std::expm1(v) : v; }, "elu");
  unary(
      kHardSigmoid, [](double v) { return std::clamp(0.5 * v + 0.25, 0.0, 1.0); }, "hard sigmoid");
  unary(
      kSign, [](double v) { return v > 0   ? 1.0
                                   : v < 0 ? -1.0
                                           : 0.0; }, "sign");
  unary(
      kFloor, [](double v) { return std::floor(v); }, "floor");
  unary(
      kCeil, [](double v) { return std::ceil(v); }, "ceil");
  unary(
      kRound, [](double v) { return std::nearbyint(v); }, "round");
  unary(
      kSin, [](double v) { return std::sin(v); }, "sin");
  unary(
      kCos, [](double v) { return std::cos(v); }, "cos");
  unary(
      kErf, [](double v) { return std::erf(v); }, "erf");
  unary(
      kGelu, [](double v) { return 0.5 * v * (1.0 + std::erf(v / std::sqrt(2.0))); }, "gelu");
  unary(
      kSoftplus, [](double v) { return std::log1p(std::exp(v)); }, "softplus");

  const auto binary = [&](Binary kind, double (*f)(double, double), const char* what) {
    for (const bool one : {false, true}) {
      elementwise_kernels().binary[kind](x.data(), n, b.data(), one ? 1 : n, y.data(), n);
      for (std::size_t i = 0; i < n; ++i) {
        const double want = f(x[i], b[one ? 0 : i]);
        check.near(y[i], want, 4e-7 * std::max(1.0, std::abs(want)), what, n);
      }
    }
    check.that(y[n] == kGuard, std::string(what) + ": writes beyond its end", n);
  };
  binary(
      kAdd, [](double p, double q) { return p + q; }, "add");
  binary(
      kSub, [](double p, double q) { return p - q; }, "sub");
  binary(
      kMul, [](double p, double q) { return p * q; }, "mul");
  binary(
      kDiv, [](double p, double q) { return p / q; }, "div");
  binary(
      kMin, [](double p, double q) { return std::min(p, q); }, "min");
  binary(
      kMax, [](double p, double q) { return std::max(p, q); }, "max");
  binary(
      kGreater, [](double p, double q) { return p > q ? 1.0 : 0.0; }, "greater");
}

void check_rows(Check& check, std::size_t n) {
  const Floats x = check.random(n), scale = check.random(n), bias = check.random(n);
  Floats y(n + 1, kGuard);
  elementwise_kernels().layer_norm(x.data(), scale.data(), bias.data(), 1e-3F, y.data(), n);
  double mean = 0, var = 0, sum = 0;
  for (const float v : x) mean += v / static_cast<double>(n);
  for (const float v : x) var += (v - mean) * (v - mean) / static_cast<double>(n);
  for (const float v : x) sum += std::exp(v);
  for (std::size_t i = 0; i < n; ++i) {
    check.near(y[i], (x[i] - mean) / std::sqrt(var + 1e-3) * scale[i] + bias[i], 2e-5, "layer norm", n);
  }
  elementwise_kernels().affine(x.data(), bias.data(), scale.data(), bias.data(), true, y.data(), n);
  for (std::size_t i = 0; i < n; ++i) {
    check.near(y[i], (static_cast<double>(x[i]) - bias[i]) * scale[i] + bias[i], 4e-6, "affine", n);
  }
  function_kernels().softmax(x.data(), y.data(), n);
  for (std::size_t i = 0; i < n; ++i) check.near(y[i], std::exp(x[i]) / sum, 1e-6, "softmax", n);
  function_kernels().log_softmax(x.data(), y.data(), n);
  for (std::size_t i = 0; i < n; ++i) check.near(y[i], x[i] - std::log(sum), 4e-6, "log softmax", n);
  check.that(y[n] == kGuard, "a row's function writes beyond its end", n);
  double dot = 0;
  for (std::size_t i = 0; i < n; ++i) dot += static_cast<double>(x[i]) * scale[i];
  check.near(dense_kernels().dot(x.data(), scale.data(), n), dot, 1e-12, "dot", n);
}

void check_cells(Check& check, std::size_t n) {
  const Floats a = check.random(4 * n), b = check.random(4 * n), c = check.random(n), h = check.random(n);
  Floats h_next(n + 1, kGuard), c_next(n + 1, kGuard);
  recurrent_kernels().lstm_cell(a.data(), b.data(), {0, n, 2 * n, 3 * n}, c.data(), 1.0F, n, h_next.data(),
                                c_next.data());
  for (std::size_t i = 0; i < n; ++i) {
    const auto z = [&](std::size_t gate) { return static_cast<double>(a[gate * n + i]) + b[gate * n + i]; };
    const double cell = sigmoid(z(1)) * c[i] + sigmoid(z(0)) * std::tanh(z(2));
    check.near(c_next[i], cell, 4e-6, "lstm c", n);
    check.near(h_next[i], sigmoid(z(3)) * std::tanh(cell), 4e-6, "lstm h", n);
  }
  recurrent_kernels().gru_cell({&a[0], &a[n], &a[2 * n]}, {&b[0], &b[n], &b[2 * n]}, h.data(), n, h_next.data());
  for (std::size_t i = 0; i < n; ++i) {
    const double r = sigmoid(static_cast<double>(a[i]) + b[i]), z = sigmoid(static_cast<double>(a[n + i]) + b[n + i]);
    const double candidate = std::tanh(a[2 * n + i] + r * b[2 * n + i]);
    check.near(h_next[i], candidate + z * (h[i] - candidate), 4e-6, "gru h", n);
  }
  check.that(h_next[n] == kGuard && c_next[n] == kGuard, "a cell writes beyond its end", n);
}

void check_spatial(Check& check, std::size_t width) {
  constexpr std::size_t kTaps = 3;
  for (const std::size_t outputs : {1U, 3U, 4U, 6U}) {
    Sweep sweep;
    sweep.width = width;
    sweep.rows = {0, width + kTaps};
    sweep.taps = {0, 1, 2};
    const Floats x = check.random(2 * (width + kTaps)), bias = check.random((outputs + 3) / 4 * 4);
    const Floats weights = check.random((outputs + 3) / 4 * 4 * kTaps);
    Floats y(outputs * sweep.results() + 1, kGuard);
    spatial_kernels().convolve(x.data(), sweep, weights.data(), bias.data(), outputs, y.data());
    for (std::size_t o = 0; o < outputs; ++o) {
      for (std::size_t i = 0; i < sweep.results(); ++i) {
        double sum = bias[o];
        for (std::size_t k = 0; k < kTaps; ++k) {
          sum +=
              static_cast<double>(weights[(o / 4 * kTaps + k) * 4 + o % 4]) * x[sweep.rows[i / width] + i % width + k];
        }
        check.near(y[o * sweep.results() + i], sum, 4e-6, "convolution", width);
      }
    }
    check.that(y.back() == kGuard, "a convolution writes beyond its end", width);
  }
  for (const std::size_t stride : {1U, 2U, 3U}) {
    Sweep sweep;
    sweep.width = width;
    sweep.stride = stride;
    sweep.rows = {1};
    sweep.taps = {0, 1};
    const Floats x = check.random(width * stride + 4);
    Floats y(width + 1, kGuard);
    spatial_kernels().largest(x.data(), sweep, y.data());
    for (std::size_t i = 0; i < width; ++i) {
      check.near(y[i], std::max(x[1 + i * stride], x[2 + i * stride]), 0.0, "largest", width);
    }
    spatial_kernels().sum(x.data(), sweep, y.data());
    for (std::size_t i = 0; i < width; ++i) {
      check.near(y[i], static_cast<double>(x[1 + i * stride]) + x[2 + i * stride], 1e-6, "pool sum", width);
    }
    check.that(y.back() == kGuard, "a pool writes beyond its end", width);
  }
}

}  // namespace

std::string check_kernels() {
  Check check;
  check_dense(check);
  for (const std::size_t n : kSizes) {
    check_elementwise(check, n);
    check_rows(check, n);
    check_cells(check, n);
    check_spatial(check, n);
  }
  return check.wrong;
}

}  // namespace learn_rt::testing
