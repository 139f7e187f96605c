#pragma once

#include <cstddef>
#include <cstdint>

#include "learn_rt/realtime.h"

namespace learn_rt {

// What memory is taken for when a rollout session is opened, and how many threads share its candidates.
struct RolloutLimits {
  static constexpr std::size_t kMaxCandidates = 65536, kMaxHorizon = 65536, kMaxThreads = 64;
  static constexpr std::size_t kMaxValues = std::size_t{1} << 26;  // candidates x horizon x values of a row

  std::size_t candidates = 1024;
  std::size_t horizon = 1024;
  std::size_t threads = 1;  // this thread and others of the session's own

  // Throws std::runtime_error: what must hold. `n_features`: values of a row.
  void check(std::size_t n_features) const;
};

// One stream's history on one loaded model of kind rollout, from which the states to come are predicted for many action
// sequences at once. One thread at a time.
//
// The history is the last `window` rows, a row being a state and the action taken in it. The newest row's action is not
// taken yet when its state is observed: it is the first action of each candidate.
//
// A state or action that is not finite or not physical is refused: the history starts empty again.
class RolloutSession {
 public:
  virtual ~RolloutSession() = default;
  RolloutSession(const RolloutSession&) = delete;
  RolloutSession& operator=(const RolloutSession&) = delete;

  // Forgets everything. With `rest`, a row (n_states values, then n_actions), the history is filled as if that row had
  // stood for ever, and its state is the newest one; a row that is refused is none.
  virtual void begin(const float* rest) LEARN_RT_REALTIME = 0;

  // Takes the newest state (n_states values) and the action (n_actions values) that was taken in the state before it,
  // which closes that row. With the first state after begin(nullptr), and after a refusal, the action is not looked at.
  // Returns kRefused, kOutOfTrainedRange, kWarmingUp (the history is not full: no rollout yet) or 0.
  virtual std::uint32_t observe(const float* state, const float* action) LEARN_RT_REALTIME = 0;

  // Predicts from the newest state: actions [candidates, horizon, n_actions], of which [k, 0] is taken in the newest
  // state, to states [candidates, horizon, n_states], of which [k, 0] comes next. Writes Flag bits of each candidate:
  // kRefused (an action or a state that is not finite, or an action that is not physical), kOutOfTrainedRange (an
  // action or a predicted state was), kWarmingUp. A refused candidate's states, and all while warming up, are the
  // nominal ones; the other candidates do not know of it. Returns the flags of all candidates together; kRefused alone,
  // with nothing written, when there are no candidates, no horizon, or more than the session was opened for.
  //
  // No allocation. No lock or system call either with one thread.
  virtual std::uint32_t rollout(const float* actions, std::size_t candidates, std::size_t horizon, float* states,
                                std::uint32_t* flags) LEARN_RT_REALTIME = 0;

  virtual std::size_t n_states() const LEARN_RT_REALTIME = 0;
  virtual std::size_t n_actions() const LEARN_RT_REALTIME = 0;
  virtual const RolloutLimits& limits() const LEARN_RT_REALTIME = 0;

 protected:
  RolloutSession() = default;
};

}  // namespace learn_rt
