#pragma once

#include <memory>
#include <vector>

#include "backend.h"
#include "frame.h"

namespace learn_rt {

// step.onnx cut by what each instruction depends on, so that the least is left for the moment when a sample comes.
//
//            not on the sample: early            on the sample: critical
//   shared   once, in settle()                   once, in step()
//   lane     for all lanes at once, in settle()  for the oldest lane in step(), for the others in settle()
//
// A value is of a lane when it depends on a state of scope lane; all lanes share every other. Without a window there is
// one lane for ever, and so everything is shared.
struct LanePlan {
  struct State {
    std::string name;
    ValueId now, next;
    std::size_t size;
    bool lane;
  };
  using Indices = std::vector<std::size_t>;  // of instructions, in order

  Program program;
  std::size_t lanes = 1, n_features = 0, n_outputs = 0;
  ValueId x = 0, y = 0;
  std::vector<State> states;
  std::vector<bool> of_lane, critical;     // of each buffer: a lane's own, dependent on the sample
  std::vector<std::size_t> rows;           // of each buffer
  Indices critical_shared, critical_lane;  // in step(), for y
  Indices later_shared, later_lane;        // in settle(), for the states
  Indices early_shared, early_lane;        // in settle(), once the states are new
  Indices early_oldest;                    // of lanes, but only y needs them

  // Throws std::runtime_error when the graph's inputs and outputs are not those of the spec.
  static LanePlan make(const std::string& step_onnx, const Spec& spec);

  // The same for one lane that never starts again: a whole window is its length in steps from reset().
  LanePlan one_lane() const;
};

// A stream on a plan, which must outlive it.
class LaneStream final : public Stream {
 public:
  explicit LaneStream(const LanePlan& plan);
  void reset() LEARN_RT_REALTIME override;
  void step(const float* sample, float* answer) LEARN_RT_REALTIME override;
  void settle() LEARN_RT_REALTIME override;
  void rehearse() LEARN_RT_REALTIME override;
  std::size_t state_size() const LEARN_RT_REALTIME override { return state_size_; }
  void save(char* state) LEARN_RT_REALTIME override;
  const char* restore(const char* state) override;

  // Where a value lies between settle() and the next step: what does not depend on the sample.
  Source read(ValueId id) const LEARN_RT_REALTIME { return frame_.read(id); }
  // The lane that the next sample completes; those after it, in turn, began one sample later each.
  std::size_t oldest() const LEARN_RT_REALTIME { return oldest_; }

 private:
  void run(const LanePlan::Indices& indices, std::size_t first, std::size_t last) LEARN_RT_REALTIME;
  void run_early() LEARN_RT_REALTIME;
  void run_critical() LEARN_RT_REALTIME;

  struct Move {
    Source from;
    Result to;
    std::size_t size;
    bool lane;
  };

  const LanePlan& plan_;
  Frame frame_;
  std::vector<Move> moves_;  // of the states
  Result x_;
  Source y_;
  std::size_t oldest_ = 0;      // the lane that the next sample completes
  std::size_t state_size_ = 0;  // of one lane; a window's samples make its lanes again
  bool settled_ = true;
};

}  // namespace learn_rt
