#pragma once

#include <vector>

#include "frame.h"
#include "lanes.h"

namespace learn_rt {

// A rollout asked for.
struct RolloutTask {
  const float* state;    // [n_states], the newest
  const float* actions;  // [candidates, horizon, n_actions]
  std::size_t candidates, horizon;
  float* states;  // [candidates, horizon, n_states]
};

// Some candidates' lanes, for one thread. Values of a sample lie once a candidate; states of a lane once a lane and
// candidate, lane by lane; what is computed for a lane lies in a block of as many lanes as are computed together.
class Candidates {
 public:
  static constexpr std::size_t kMost = 48;  // at once: their states stay in the cache

  // `most` candidates at once, at most kMost. The plan must outlive it.
  Candidates(const LanePlan& plan, std::size_t most);

  // Rolls out candidates [first, first + n) of a task, n at most `most`, from the history's lanes, which are settled.
  void run(const LaneStream& history, const RolloutTask& task, std::size_t first, std::size_t n) LEARN_RT_REALTIME;

 private:
  static constexpr std::size_t kBlockRows = 48;  // of a product: fewer candidates take several lanes together

  enum class Place : unsigned char { kConstant, kCandidate, kLaneState, kLaneBlock };
  struct Operand {
    ValueId id;
    Place place;
    bool early;          // not of the sample: in the first step it is the history's, and one for all candidates
    std::size_t stride;  // floats of a row
  };
  struct Step {
    const Operation* operation;
    std::vector<Operand> in, out;
    bool per_lane;  // reads what all lanes of a candidate share, so that lanes cannot be taken together
  };
  using Steps = std::vector<Step>;
  struct Move {  // of a state to its next value
    Operand from, to;
    std::size_t size;
    bool lane;
  };

  Operand operand(ValueId id) const;
  Steps bind(const LanePlan::Indices& indices) const;
  // Lanes [lane, lane + n) of the first step are the history's own.
  void run(const Steps& steps, std::size_t lane, std::size_t n) LEARN_RT_REALTIME;
  void run_once(const Step& step, std::size_t lane, std::size_t place, std::size_t rows) LEARN_RT_REALTIME;
  // Where an operand lies for candidate 0 of a lane, which is the `place`th of its block.
  std::size_t offset(const Operand& operand, std::size_t lane, std::size_t place) const LEARN_RT_REALTIME;
  Source source(const Operand& operand, std::size_t lane, std::size_t place) const LEARN_RT_REALTIME;
  Result result(const Operand& operand, std::size_t lane, std::size_t place) LEARN_RT_REALTIME;
  void advance(std::size_t lane, std::size_t n) LEARN_RT_REALTIME;
  void move(const Move& move, std::size_t lane, std::size_t place) LEARN_RT_REALTIME;
  void restart(std::size_t lane) LEARN_RT_REALTIME;
  void hand_out(const RolloutTask& task, std::size_t first, std::size_t h, std::size_t lane) LEARN_RT_REALTIME;
  // The row of step h: the state that was predicted for it, and the action.
  void begin_row(const RolloutTask& task, std::size_t first, std::size_t h) LEARN_RT_REALTIME;

  const LanePlan& plan_;
  const std::vector<bool> is_lane_state_;  // of each buffer
  Frame frame_;
  Steps early_shared_, early_lane_, early_oldest_, critical_shared_, critical_lane_, later_shared_, later_lane_;
  std::vector<Move> moves_;
  Operand x_, y_;
  std::vector<Source> sources_;  // of one instruction
  std::vector<Result> results_;
  const LaneStream* history_ = nullptr;
  std::size_t n_ = 0;        // candidates of the run
  bool first_step_ = false;  // of the horizon
};

}  // namespace learn_rt
