// The vector functions against float64, for every instruction set that this machine has: a dense sweep over all floats,
// with zeros, infinities, NaN and denormals.

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "each_target.h"
#include "kernels/kernels.h"

namespace learn_rt {
namespace {

struct Function {
  const char* name;
  Unary kind;
  double (*exact)(double);
  double from, to, ulp;
};

double exact_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
constexpr auto exact_Exp = static_cast<double (*)(double)>(std::exp);
constexpr auto exact_Tanh = static_cast<double (*)(double)>(std::tanh);
constexpr auto exact_Sigmoid = exact_sigmoid;
constexpr auto exact_Log = static_cast<double (*)(double)>(std::log);
constexpr auto exact_Sin = static_cast<double (*)(double)>(std::sin);
constexpr auto exact_Cos = static_cast<double (*)(double)>(std::cos);
constexpr auto exact_Erf = static_cast<double (*)(double)>(std::erf);

const Function kFunctions[] = {
#define FUNCTION(op, from, to, ulp) {#op, k##op, exact_##op, from, to, ulp},
#define PRODUCTS(k)
#include "ulp_bounds.inc"
#undef FUNCTION
#undef PRODUCTS
};

// Every 4099th float, and those where something changes.
std::vector<float> sweep() {
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits <= UINT32_MAX; bits += 4099) {
    const auto word = static_cast<std::uint32_t>(bits);
    float value;
    std::memcpy(&value, &word, sizeof value);
    x.push_back(value);
  }
  for (int i = -200'000; i <= 200'000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  for (const float sign : {1.0F, -1.0F}) {
    for (const float v : {0.0F, INFINITY, FLT_MIN, FLT_MAX, 1e-45F, 1e-40F, FLT_EPSILON, 87.33F, 88.02F, 88.72F, 88.73F,
                          103.9F, 104.0F, 30000.0F, 30001.0F}) {
      x.push_back(sign * v);
    }
  }
  x.push_back(NAN);
  return x;
}

// The distance in units of the last place of the exact answer.
double ulp_between(float got, double exact) {
  const auto rounded = static_cast<float>(exact);
  if (got == rounded) return 0;
  if (std::isinf(rounded) || !std::isfinite(got)) return INFINITY;
  const double scale = std::fmax(std::fabs(exact), static_cast<double>(FLT_MIN));
  return std::fabs(static_cast<double>(got) - exact) / std::ldexp(1.0, std::ilogb(scale) - 23);
}

// Whether the function keeps its bound; says the worst.
bool keeps_bound(const Function& f, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  unary_kernel(f.kind)(x.data(), 0, 0, y.data(), x.size());
  double worst = 0;
  float at = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double exact = f.exact(static_cast<double>(x[i]));
    if (std::isnan(exact)) {
      if (std::isnan(y[i])) continue;
      std::fprintf(stderr, "%s(%g) = %g, not a NaN\n", f.name, static_cast<double>(x[i]), static_cast<double>(y[i]));
      return false;
    }
    const bool inside = static_cast<double>(x[i]) >= f.from && static_cast<double>(x[i]) <= f.to;
    if (!inside && std::fabs(exact) < static_cast<double>(FLT_MIN)) {
      // Denormal or 0: what is left of it must be as small.
      if (std::fabs(y[i]) <= FLT_MIN) continue;
    } else if (const double ulp = ulp_between(y[i], exact); !(ulp <= worst)) {
      worst = ulp;
      at = x[i];
    }
  }
  std::printf("%-8s %-8s %.2f ulp at %.9g\n", elementwise_kernels().target, f.name, worst, static_cast<double>(at));
  return worst <= f.ulp;
}

bool all_keep_their_bounds() {
  const std::vector<float> x = sweep();
  bool kept = true;
  for (const Function& f : kFunctions) kept = keeps_bound(f, x) && kept;
  return kept;
}

TEST(Functions, StayWithinTheirBounds) { EXPECT_TRUE(all_keep_their_bounds()); }

TEST(FunctionsDeathTest, StayWithinTheirBoundsOnEachInstructionSet) {
  testing::expect_on_each_target(all_keep_their_bounds);
}

}  // namespace
}  // namespace learn_rt
