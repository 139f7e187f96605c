#pragma once

#include <vector>

#include "program.h"

namespace learn_rt {

// A program's memory, with its instructions bound to it: what one thread needs to run it.
class Frame {
 public:
  // `rows[b]`: rows of buffer b, 1 when all rows share it. The program must outlive the frame.
  Frame(const Program& program, const std::vector<std::size_t>& rows);
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  // Runs instruction i for rows [first, last) of those of its results that have rows.
  void run(std::size_t i, std::size_t first, std::size_t last) LEARN_RT_REALTIME {
    const Bound& bound = bound_[i];
    bound.operation->run(sources_.data() + bound.in, results_.data() + bound.out, first, last);
  }

  // Where a computed value lies; its rows follow each other at `stride`.
  Result at(ValueId id) LEARN_RT_REALTIME;
  // The same of any value.
  Source read(ValueId id) const LEARN_RT_REALTIME;

 private:
  struct Bound {
    const Operation* operation;
    std::size_t in, out;
  };

  const Program& program_;
  std::vector<float> memory_;
  std::vector<Result> buffers_;
  std::vector<Source> sources_;
  std::vector<Result> results_;
  std::vector<Bound> bound_;
};

}  // namespace learn_rt
