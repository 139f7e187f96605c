#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arm.h"
#include "evict.h"
#include "histogram.h"

namespace learn_rt::bench {

// A periodic stream of samples and, where they are known, the right answers to it.
struct Stream {
  std::vector<float> samples;  // [period, n_features], repeated for ever
  std::vector<float> answers;  // [lead + period, n_outputs], to the sample of each tick; empty: nothing to compare
  std::size_t period = 0;
  double tolerance = 0;  // what an answer may differ by
  std::size_t lead = 0;  // answers that come once, before those that repeat; whole periods
};

struct Plan {
  std::int64_t duration_ns;  // of one block
  std::int64_t period_ns;    // of the control loop: the schedule when paced, and what an answer must not exceed
  bool paced;                // on an absolute schedule, latency from the scheduled time; else one after the other
  bool cold;                 // caches evicted between ticks
  std::size_t warm_up;       // ticks at the start that are not recorded
  std::size_t at_least = 0;  // ticks to record, however long the block takes
  bool spin = false;         // paced: reads the clock until the tick has come, and does not sleep
};

// What one block recorded. Latency is the sum of late, queue, wire, compute and wake_up, but for clock reads.
struct Block {
  Histogram latency, late, queue, wire, compute, wake_up, settle;
  Histogram call;              // the latency without what was late before the call
  std::uint64_t missed = 0;    // answers later than the period
  std::uint64_t compared = 0;  // answers that had to equal the stream's
  std::uint64_t limited = 0;   // answers that the envelope changed, so that they cannot be compared
  std::uint64_t wrong = 0;     // of those compared, further from the stream's than its tolerance
  double worst = 0.0;          // largest difference among those compared
};

// Feeds one arm from a stream, block by block; the stream goes on where the last block stopped.
class Loop {
 public:
  // Both must outlive the loop.
  Loop(Arm& arm, const Stream& stream) : arm_(arm), stream_(stream), values_(arm.n_outputs()) {}

  // Throws what the arm throws.
  Block run(const Plan& plan);

 private:
  // A row of which the first value is not a number cannot be compared.
  void compare(const float* right, std::uint32_t flags, Block& block) const noexcept;

  Arm& arm_;
  const Stream& stream_;
  std::vector<float> values_;
  std::uint64_t tick_ = 0;
  Evictor evictor_;
};

}  // namespace learn_rt::bench
