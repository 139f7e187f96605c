#pragma once

#include <cstddef>
#include <cstdint>

#include "learn_rt/realtime.h"

namespace learn_rt {

// One stream's state on one loaded model. One thread at a time.
//
// With a preview of P, the answer to the k-th sample is for tick k - P. An answer whose tick is before the first sample
// is flagged kWarmingUp, as is every answer before the window is full; both are the nominal value.
//
// A sample that is not finite or not physical is refused: it is not taken, the window starts empty again, and the
// answers go back to the nominal value, kRefused once and kWarmingUp from then on. So it is when the arithmetic fails.
// Every answer, these too, passes the envelope; only begin() starts it anew.
class Session {
 public:
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Forgets everything. With `rest` (n_features values) the window is filled as if that sample had stood for ever, and
  // no answer warms up; the envelope then starts at the answer to it, and otherwise at the nominal value.
  virtual void begin(const float* rest) LEARN_RT_REALTIME = 0;

  // The critical path: takes one sample (n_features values), writes one answer (n_outputs values), returns Flag bits.
  virtual std::uint32_t step(const float* sample, float* answer) LEARN_RT_REALTIME = 0;

  // The work that does not need the next sample. Call it once the answer is out; step() does what was left undone.
  virtual void settle() LEARN_RT_REALTIME = 0;

  // Brings what the next step() needs back into the caches: a step on the last sample, which changes nothing. Takes as
  // long as one. For who polls for a sample, shortly before it is due.
  virtual void rehearse() LEARN_RT_REALTIME = 0;

  // Takes n samples, writes n answers and flags: the same numbers as n calls of step().
  void run(const float* samples, std::size_t n, float* answers, std::uint32_t* flags) LEARN_RT_REALTIME;

  // Writes the answers to the last `preview` ticks, taking the last sample as standing for ever. The samples count as
  // taken: call begin() before another path.
  virtual void flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME = 0;

  // Bytes of the session's state; 0: it cannot be taken. The native engine's of a stateful model can.
  virtual std::size_t state_size() const LEARN_RT_REALTIME { return 0; }
  // Writes all that later answers depend on, state_size() bytes. Settles.
  virtual void save(void* /*state*/) LEARN_RT_REALTIME {}
  // Goes on where a session of the same model was saved: the next answers are that session's, bit for bit on the same
  // kind of machine. Throws std::invalid_argument, and nothing is changed: it is no state of this model's files and
  // backend, or one that no session was ever in. Not real-time.
  virtual void restore(const void* state, std::size_t size);

  virtual std::size_t n_features() const LEARN_RT_REALTIME = 0;
  virtual std::size_t n_outputs() const LEARN_RT_REALTIME = 0;
  virtual std::size_t preview() const LEARN_RT_REALTIME = 0;

 protected:
  Session() = default;
};

}  // namespace learn_rt
