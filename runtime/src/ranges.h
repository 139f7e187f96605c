#pragma once

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "learn_rt/flags.h"
#include "learn_rt/observation.h"
#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt {

// The ranges of a sample's values.
class Ranges {
 public:
  explicit Ranges(const std::vector<Signal>& signals) {
    const auto inf = std::numeric_limits<double>::infinity();
    for (const Piece& piece : pieces(signals)) {
      const Signal& signal = signals[piece.signal];
      const auto valid = signal.range_valid.value_or(std::pair{-inf, inf});
      const auto trained = signal.range_trained.value_or(std::pair{-inf, inf});
      for (std::size_t i = 0; i < piece.size; ++i) {
        ranges_.push_back(
            {signal.scale[i], signal.offset[i], valid.first, valid.second, trained.first, trained.second});
        const auto [low, high] = ranges_.back().surely_inside();
        low_.push_back(low);
        high_.push_back(high);
      }
    }
  }

  std::size_t size() const LEARN_RT_REALTIME { return ranges_.size(); }

  // kRefused (not finite or not physical), kOutOfTrainedRange or 0, of values [first, first + n) of a sample.
  std::uint32_t judge(const float* values, std::size_t first, std::size_t n) const LEARN_RT_REALTIME {
    unsigned outside = 0;  // of what is as it should be nothing more is asked; several at once
    for (std::size_t i = 0; i < n; ++i) {
      outside |= static_cast<unsigned>(!(values[i] >= low_[first + i])) |
                 static_cast<unsigned>(!(values[i] <= high_[first + i]));
    }
    if (outside == 0) return 0;
    std::uint32_t flags = 0;
    for (std::size_t i = 0; i < n; ++i) flags |= ranges_[first + i].judge(values[i]);
    return (flags & kRefused) != 0 ? kRefused : flags;
  }

 private:
  struct Range {
    double scale, offset, valid_low, valid_high, trained_low, trained_high;

    std::uint32_t judge(float given) const LEARN_RT_REALTIME {
      const double value = static_cast<double>(given) * scale + offset;
      if (!std::isfinite(value) || value < valid_low || value > valid_high) return kRefused;
      return value < trained_low || value > trained_high ? std::uint32_t{kOutOfTrainedRange} : 0U;
    }

    // The ends of an interval of which judge() says 0 throughout: it does so between any two values of which it does.
    std::pair<float, float> surely_inside() const {
      const auto end = [this](double bound, float towards) {
        float value = static_cast<float>(std::clamp((bound - offset) / scale, -double{FLT_MAX}, double{FLT_MAX}));
        for (int i = 0; i < 4 && judge(value) != 0; ++i) value = std::nextafter(value, towards);
        return value;
      };
      double low = std::max(valid_low, trained_low), high = std::min(valid_high, trained_high);
      if (scale < 0) std::swap(low, high);
      const float first = end(low, FLT_MAX), last = end(high, -FLT_MAX);
      if (judge(first) != 0 || judge(last) != 0) return {FLT_MAX, -FLT_MAX};  // nothing is sure
      return {first, last};
    }
  };
  std::vector<Range> ranges_;      // one a value
  std::vector<float> low_, high_;  // of each what is surely inside
};

}  // namespace learn_rt
