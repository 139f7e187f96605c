#include "engine/probe.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/probe.cpp"
#include <hwy/foreach_target.h>
// After foreach_target.
#include <hwy/highway.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "clock.h"

HWY_BEFORE_NAMESPACE();
namespace learn_rt::bench {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The sum of n floats, a multiple of 8 vectors.
float Read(const float* HWY_RESTRICT from, std::size_t n) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const std::size_t lanes = hn::Lanes(d);
  V sums[8];
  for (V& sum : sums) sum = hn::Zero(d);
  for (std::size_t i = 0; i < n; i += 8 * lanes) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) sums[k] = hn::Add(sums[k], hn::Load(d, from + i + k * lanes));
  }
  V sum = hn::Zero(d);
  for (const V& each : sums) sum = hn::Add(sum, each);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

// Twelve sums, as many as hide the multiplier's latency and fit the registers; `rounds` times each.
float Multiply(std::size_t rounds, float start) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  V sums[12];
  for (V& sum : sums) sum = hn::Set(d, start);
  const V a = hn::Set(d, start), b = hn::Set(d, start);
  for (std::size_t i = 0; i < rounds; ++i) {
#pragma GCC unroll 12
    for (std::size_t k = 0; k < 12; ++k) sums[k] = hn::MulAdd(sums[k], a, b);
  }
  V sum = hn::Zero(d);
  for (const V& each : sums) sum = hn::Add(sum, each);
  return hn::GetLane(hn::SumOfLanes(d, sum));
}

std::size_t Width() { return hn::Lanes(hn::ScalableTag<float>()); }
const char* Target() { return hwy::TargetName(HWY_TARGET); }

}  // namespace HWY_NAMESPACE
}  // namespace learn_rt::bench
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace learn_rt::bench {

HWY_EXPORT(Read);
HWY_EXPORT(Multiply);
HWY_EXPORT(Width);
HWY_EXPORT(Target);

namespace {

constexpr std::int64_t kTurn_ns = 300'000;  // short of what a scheduler gives at once
constexpr int kTurns = 7;

volatile float sink;

// The shortest time of one call in some turns: what the machine can do, whatever else it did meanwhile.
template <class Call>
double best_ns(Call call) {
  double best = 1e18;
  for (int turn = 0; turn < kTurns; ++turn) {
    std::size_t calls = 0;
    const std::int64_t start = now_ns();
    std::int64_t end = start;
    while (end - start < kTurn_ns) {
      sink = call();
      ++calls;
      end = now_ns();
    }
    best = std::min(best, static_cast<double>(end - start) / static_cast<double>(calls));
  }
  return best;
}

}  // namespace

double bytes_per_ns(std::size_t bytes) {
  constexpr std::size_t kBlock = 4096;
  const std::size_t n = std::max<std::size_t>((bytes + kBlock - 1) / kBlock * kBlock, kBlock) / sizeof(float);
  std::vector<float> memory(n + 16, 1.0F);
  void* at = memory.data();
  std::size_t room = memory.size() * sizeof(float);
  const auto* from = static_cast<const float*>(std::align(64, n * sizeof(float), at, room));
  const auto read = HWY_DYNAMIC_DISPATCH(Read);
  return static_cast<double>(n * sizeof(float)) / best_ns([&] { return read(from, n); });
}

double multiply_adds_per_ns() {
  constexpr std::size_t kRounds = 2000;
  const auto multiply = HWY_DYNAMIC_DISPATCH(Multiply);
  const double each = best_ns([&] { return multiply(kRounds, 0.5F); });
  return static_cast<double>(kRounds * 12 * HWY_DYNAMIC_DISPATCH(Width)()) / each;
}

const char* probed_target() { return HWY_DYNAMIC_DISPATCH(Target)(); }

}  // namespace learn_rt::bench
#endif
