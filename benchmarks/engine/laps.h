#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "arm.h"
#include "clock.h"
#include "evict.h"
#include "histogram.h"
#include "learn_rt/flags.h"

namespace learn_rt::bench {

// What one block of answers recorded.
struct Lap {
  Histogram answer;     // step(), or the whole call
  Histogram sustained;  // the same and settle()
  std::uint64_t compared = 0;
  double worst = 0.0;  // the largest difference among those compared
};

// Asks one arm for answers to a stream that repeats; the stream goes on where the last block stopped.
class Laps {
 public:
  // `answers`: to each sample; none: nothing to compare. A row that begins with NaN is not known.
  Laps(std::shared_ptr<Arm> arm, std::vector<float> samples, std::vector<float> answers)
      : arm_(std::move(arm)),
        samples_(std::move(samples)),
        answers_(std::move(answers)),
        period_(samples_.size() / arm_->n_features()),
        values_(arm_->n_outputs()) {}

  // One period without a record: windows fill, caches and branches learn.
  void warm_up() {
    for (std::size_t i = 0; i < period_; ++i) ask();
  }

  // Runs for a time, and `least` answers at least. With `every_ns` the caches are emptied before each answer, and the
  // answers are asked for on that schedule; else one after another.
  Lap run(std::int64_t duration_ns, std::size_t least, std::int64_t every_ns) {
    Lap lap;
    ask();
    const std::int64_t end_of_block = now_ns() + duration_ns;
    std::int64_t due = now_ns();
    for (std::size_t n = 0; n < least || now_ns() < end_of_block; ++n) {
      if (every_ns > 0) {
        evictor_.sweep();
        while (due < now_ns()) due += every_ns;
        sleep_until(due);
      }
      const float* sample = samples_.data() + tick_ % period_ * arm_->n_features();
      const std::int64_t start = now_ns();
      const std::uint32_t flags = arm_->answer(sample, values_.data());
      const std::int64_t end = now_ns();
      arm_->settle();
      const std::int64_t settled = now_ns();
      lap.answer.record(end - start);
      lap.sustained.record(settled - start);
      compare(flags, lap);
      ++tick_;
    }
    return lap;
  }

 private:
  void ask() {
    arm_->answer(samples_.data() + tick_++ % period_ * arm_->n_features(), values_.data());
    arm_->settle();
  }

  void compare(std::uint32_t flags, Lap& lap) const {
    if (answers_.empty() || (flags & (kWarmingUp | kRefused | kLimited)) != 0) return;
    const float* right = answers_.data() + tick_ % period_ * values_.size();
    if (std::isnan(right[0])) return;
    ++lap.compared;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const double difference = std::fabs(static_cast<double>(values_[i]) - static_cast<double>(right[i]));
      // Written so that a NaN counts as wrong.
      if (!(difference <= lap.worst)) lap.worst = std::isnan(difference) ? INFINITY : difference;
    }
  }

  std::shared_ptr<Arm> arm_;
  std::vector<float> samples_, answers_;
  std::size_t period_, tick_ = 0;
  std::vector<float> values_;
  Evictor evictor_;
};

}  // namespace learn_rt::bench
