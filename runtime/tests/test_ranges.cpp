// A sample's ranges: what is asked of several values at once is what each value's own range says.

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <limits>

#include "ranges.h"

namespace learn_rt {
namespace {

using Bounds = std::optional<std::pair<double, double>>;

Signal signal(double scale, double offset, Bounds valid, Bounds trained) {
  Signal made;
  made.name = "x";
  made.scale = {scale};
  made.offset = {offset};
  made.range_valid = valid;
  made.range_trained = trained;
  return made;
}

// As spec.py words it: refused outside what is physical, flagged outside what training saw.
std::uint32_t expected(const Signal& s, float given) {
  const double value = static_cast<double>(given) * s.scale[0] + s.offset[0];
  if (!std::isfinite(value)) return kRefused;
  if (s.range_valid && (value < s.range_valid->first || value > s.range_valid->second)) return kRefused;
  return s.range_trained && (value < s.range_trained->first || value > s.range_trained->second) ? kOutOfTrainedRange
                                                                                                : 0U;
}

TEST(Ranges, AValueOnEitherSideOfAnEndIsJudgedByItsOwnRange) {
  const Bounds none, wide{{-7.3, 1e4}}, narrow{{-0.1, 0.3}}, huge{{-1e300, 1e300}};
  for (const double scale : {1.0, -2.5, 0.001, 3e7}) {
    for (const double offset : {0.0, 0.7, -1e5}) {
      for (const Bounds& valid : {none, wide, huge}) {
        for (const Bounds& trained : {none, narrow, wide}) {
          const Signal of = signal(scale, offset, valid, trained);
          const Ranges ranges({of});
          for (const double bound : {-7.3, 1e4, -0.1, 0.3, 0.0, 1e300}) {
            auto x = static_cast<float>(std::clamp((bound - offset) / scale, -double{FLT_MAX}, double{FLT_MAX}));
            for (int i = 0; i < 6; ++i) x = std::nextafter(x, -FLT_MAX);
            for (int i = 0; i < 12; ++i, x = std::nextafter(x, FLT_MAX)) {
              EXPECT_EQ(ranges.judge(&x, 0, 1), expected(of, x)) << x << " scale " << scale << " offset " << offset;
            }
          }
          for (const float bad : {NAN, INFINITY, -INFINITY}) EXPECT_EQ(ranges.judge(&bad, 0, 1), kRefused);
        }
      }
    }
  }
}

TEST(Ranges, OneRefusedValueRefusesTheSample) {
  const Ranges ranges({signal(1, 0, {}, {{-1.0, 1.0}}), signal(1, 0, {{-5.0, 5.0}}, {}), signal(1, 0, {}, {})});
  const float fine[] = {0.0F, 5.0F, 1e30F}, unusual[] = {2.0F, 0.0F, 0.0F}, wrong[] = {2.0F, 6.0F, 0.0F};
  EXPECT_EQ(ranges.judge(fine, 0, 3), 0U);
  EXPECT_EQ(ranges.judge(unusual, 0, 3), static_cast<std::uint32_t>(kOutOfTrainedRange));
  EXPECT_EQ(ranges.judge(wrong, 0, 3), static_cast<std::uint32_t>(kRefused));
  EXPECT_EQ(ranges.judge(wrong + 2, 2, 1), 0U);
}

}  // namespace
}  // namespace learn_rt
