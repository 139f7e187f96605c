// Sums of products against float64: at most (3 + n / 4) eps sum |w x| off, a quarter of what a chain of n sums in
// float32 may be, for sizes on both sides of every multiple of the lanes.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

#include "each_target.h"
#include "kernels/kernels.h"

namespace learn_rt {
namespace {

// What float32 may be off for sums of n terms, in eps sum |w x|.
double bound(double n) {
#define FUNCTION(op, from, to, ulp)
#define PRODUCTS(k) return k;
#include "ulp_bounds.inc"
#undef FUNCTION
#undef PRODUCTS
}

constexpr double kEps = 0x1p-24;

std::vector<float> draw(std::size_t n, unsigned seed, bool positive) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = positive ? std::abs(normal(random)) : normal(random);
  return values;
}

// The largest error of `rows` by `inputs` times `inputs` by `outputs`, in eps sum |w x|.
double dense_error(std::size_t rows, std::size_t inputs, std::size_t outputs, bool positive) {
  const auto x = draw(rows * inputs, 1, positive), w = draw(inputs * outputs, 2, positive),
             b = draw(outputs, 3, positive);
  const Panels panels = pack(w.data(), inputs, outputs, true, b.data());
  std::vector<float> y(rows * outputs);
  dense_kernels().dense(x.data(), inputs, rows, panels, y.data(), outputs);
  double worst = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t o = 0; o < outputs; ++o) {
      double exact = b[o], size = std::abs(b[o]);
      for (std::size_t i = 0; i < inputs; ++i) {
        const double term = static_cast<double>(x[r * inputs + i]) * static_cast<double>(w[o * inputs + i]);
        exact += term;
        size += std::abs(term);
      }
      worst = std::fmax(worst, std::abs(static_cast<double>(y[r * outputs + o]) - exact) / (kEps * size));
    }
  }
  return worst;
}

bool products_keep_their_bound() {
  double worst = 0;
  for (const std::size_t inputs : {1, 2, 3, 7, 8, 15, 16, 17, 56, 96, 281, 512}) {
    for (const std::size_t outputs : {5, 8, 16, 17, 31, 33, 64, 101, 224}) {
      for (const std::size_t rows : {1, 2, 5, 20}) {
        for (const bool positive : {false, true}) {
          const double error = dense_error(rows, inputs, outputs, positive);
          worst = std::fmax(worst, error / bound(static_cast<double>(inputs)));
        }
      }
    }
  }
  std::printf("%-8s products %.2f of their bound\n", elementwise_kernels().target, worst);
  return worst <= 1;
}

TEST(Products, StayWithinTheirBound) { EXPECT_TRUE(products_keep_their_bound()); }

TEST(ProductsDeathTest, StayWithinTheirBoundOnEachInstructionSet) {
  testing::expect_on_each_target(products_keep_their_bound);
}

// What is summed in double rounds once.
TEST(Products, OfFewOutputsRoundOnce) {
  for (const std::size_t n : {1, 7, 16, 33, 400}) {
    const auto x = draw(n, 4, false), w = draw(n, 5, false);
    double exact = 0, size = 0;
    for (std::size_t i = 0; i < n; ++i) {
      exact += static_cast<double>(x[i]) * static_cast<double>(w[i]);
      size += std::abs(static_cast<double>(x[i]) * static_cast<double>(w[i]));
    }
    EXPECT_LE(std::abs(dense_kernels().dot(x.data(), w.data(), n) - exact), 1e-14 * size);
  }
}

}  // namespace
}  // namespace learn_rt
