#include "loop.h"

#include <algorithm>
#include <cmath>

#include "clock.h"
#include "learn_rt/flags.h"

namespace learn_rt::bench {
namespace {

constexpr std::int64_t kRehearsalNs = 10'000;  // before the tick

}  // namespace

Block Loop::run(const Plan& plan) {
  Block block;
  const std::size_t n_features = arm_.n_features();
  const std::size_t n_outputs = arm_.n_outputs();
  std::int64_t due = now_ns() + plan.period_ns;
  const std::int64_t end_of_block = due + plan.duration_ns;
  for (std::size_t tick = 0;; ++tick) {
    const std::size_t row = tick_ % stream_.period;
    if (plan.cold) {
      evictor_.sweep();
      // A sweep may outlast the period: the schedule skips the ticks that it covers, and stays a schedule.
      while (plan.paced && due < now_ns()) due += plan.period_ns;
    }
    if (plan.paced && plan.spin) {
      spin_until(due - kRehearsalNs);
      arm_.rehearse();
      spin_until(due);
    } else if (plan.paced) {
      sleep_until(due);
    }
    const std::int64_t start = now_ns();
    const std::uint32_t flags = arm_.answer(stream_.samples.data() + row * n_features, values_.data());
    const std::int64_t end = now_ns();
    arm_.settle();
    const std::int64_t settled = now_ns();

    if (tick >= plan.warm_up) {
      const std::int64_t scheduled = plan.paced ? due : start;
      const Stages stages = arm_.stages(end - start);
      block.latency.record(end - scheduled);
      block.call.record(end - start);
      block.late.record(start - scheduled);
      block.queue.record(stages.queue);
      block.wire.record(stages.wire);
      block.compute.record(stages.compute);
      block.wake_up.record(stages.wake_up);
      block.settle.record(settled - end);
      if (end - scheduled > plan.period_ns) ++block.missed;
    }
    if (!stream_.answers.empty()) {
      const std::size_t at = tick_ < stream_.lead ? tick_ : stream_.lead + row;
      compare(stream_.answers.data() + at * n_outputs, flags, block);
    }
    ++tick_;
    due += plan.period_ns;
    if (settled >= end_of_block && tick >= plan.warm_up && tick + 1 >= plan.warm_up + plan.at_least) break;
  }
  return block;
}

void Loop::compare(const float* right, std::uint32_t flags, Block& block) const noexcept {
  if ((flags & (kWarmingUp | kRefused)) != 0 || std::isnan(right[0])) return;
  if ((flags & kLimited) != 0) {
    ++block.limited;
    return;
  }
  ++block.compared;
  double worst = 0.0;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(values_[i]) - static_cast<double>(right[i]));
    // Written so that a NaN counts as wrong.
    if (!(difference <= worst)) worst = std::isnan(difference) ? INFINITY : difference;
  }
  if (worst > stream_.tolerance) ++block.wrong;
  block.worst = std::max(block.worst, worst);
}

}  // namespace learn_rt::bench
