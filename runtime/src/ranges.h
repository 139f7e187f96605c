#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
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
      }
    }
  }

  std::size_t size() const LEARN_RT_REALTIME { return ranges_.size(); }

  // kRefused (not finite or not physical), kOutOfTrainedRange or 0, of values [first, first + n) of a sample.
  std::uint32_t judge(const float* values, std::size_t first, std::size_t n) const LEARN_RT_REALTIME {
    std::uint32_t flags = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Range& range = ranges_[first + i];
      const double value = static_cast<double>(values[i]) * range.scale + range.offset;
      if (!std::isfinite(value) || value < range.valid_low || value > range.valid_high) return kRefused;
      if (value < range.trained_low || value > range.trained_high) flags = kOutOfTrainedRange;
    }
    return flags;
  }

 private:
  struct Range {
    double scale, offset, valid_low, valid_high, trained_low, trained_high;
  };
  std::vector<Range> ranges_;  // one a value
};

}  // namespace learn_rt
