#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace learn_rt::bench {

// Where the time of one answer went, in nanoseconds; what an arm does not know stays 0.
struct Stages {
  std::int64_t queue = 0;    // push until the I/O thread takes the sample
  std::int64_t wire = 0;     // both ways, and what the server does outside its handler
  std::int64_t compute = 0;  // in the handler; in process: the whole call
  std::int64_t wake_up = 0;  // the answer's arrival until the control thread has it
};

// One of the things that take turns: a session, a served model, another engine. One thread at a time.
class Arm {
 public:
  virtual ~Arm() = default;

  // Answers one sample and returns its Flag bits. What is timed is this call.
  virtual std::uint32_t answer(const float* sample, float* values) = 0;
  // Where the time of the last answer went, given how long the call took: in process all of it computes.
  virtual Stages stages(std::int64_t call_ns) const noexcept {
    Stages stages;
    stages.compute = call_ns;
    return stages;
  }
  // What a loop that polls the clock can do shortly before its tick; not timed.
  virtual void rehearse() {}
  // What is left to do once the answer is out; timed apart.
  virtual void settle() {}

  virtual std::size_t n_features() const noexcept = 0;
  virtual std::size_t n_outputs() const noexcept = 0;
  // What answers, for people: a backend or an address.
  virtual const std::string& what() const noexcept = 0;
};

}  // namespace learn_rt::bench
