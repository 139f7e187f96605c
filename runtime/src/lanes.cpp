#include "lanes.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "lowering.h"
#include "weights.h"

namespace learn_rt {
namespace {

Shape batch_of_one(const std::vector<std::size_t>& shape) {
  Shape result{1};
  for (const std::size_t n : shape) result.push_back(static_cast<std::int64_t>(n));
  return result;
}

// A state that is another state's old value, or is passed on, must be copied before the states change.
void own_next_states(Program& program, std::vector<LanePlan::State>& states) {
  std::vector<bool> written(program.buffers.size(), false);
  for (const Instruction& instruction : program.instructions) {
    for (const ValueId id : instruction.out) written[program.values[id].buffer] = true;
  }
  for (LanePlan::State& state : states) {
    const Value next = program.values[state.next];
    if (next.constant || written[next.buffer]) continue;
    program.buffers.push_back(next.size);
    program.values.push_back({next.shape, next.size, nullptr, program.buffers.size() - 1, 0});
    const ValueId copy = program.values.size() - 1;
    const std::vector<CopyOperation::Segment> whole{{0, 0, 0, next.size}};
    program.instructions.push_back({std::make_shared<CopyOperation>(whole), {state.next}, {copy}});
    state.next = copy;
  }
}

// Marks the instructions that the marked buffers need.
std::vector<bool> needed_for(const Program& program, std::vector<bool> buffers) {
  std::vector<bool> needed(program.instructions.size(), false);
  for (std::size_t i = needed.size(); i-- > 0;) {
    const Instruction& instruction = program.instructions[i];
    needed[i] = std::any_of(instruction.out.begin(), instruction.out.end(),
                            [&](ValueId id) { return buffers[program.values[id].buffer]; });
    if (!needed[i]) continue;
    for (const ValueId id : instruction.in) {
      if (!program.values[id].constant) buffers[program.values[id].buffer] = true;
    }
  }
  return needed;
}

// Sorts the instructions into the plan's lists.
void partition(LanePlan& plan) {
  const Program& program = plan.program;
  const auto buffer = [&program](ValueId id) { return program.values[id].buffer; };
  std::vector<bool>&of_lane = plan.of_lane, &critical = plan.critical;
  of_lane.resize(program.buffers.size(), false);
  critical.resize(program.buffers.size(), false);
  std::vector<bool> read_for_y(program.buffers.size(), false), read_for_next(program.buffers.size(), false);
  critical[buffer(plan.x)] = true;
  if (!program.values[plan.y].constant) read_for_y[buffer(plan.y)] = true;
  for (const LanePlan::State& state : plan.states) {
    of_lane[buffer(state.now)] = state.lane;
    if (!program.values[state.next].constant) read_for_next[buffer(state.next)] = true;
  }
  const auto for_y = needed_for(program, read_for_y), for_next = needed_for(program, read_for_next);

  for (std::size_t i = 0; i < program.instructions.size(); ++i) {
    const Instruction& instruction = program.instructions[i];
    bool lane = false, late = false;
    for (const ValueId id : instruction.in) {
      if (program.values[id].constant) continue;
      lane = lane || of_lane[buffer(id)];
      late = late || critical[buffer(id)];
    }
    for (const ValueId id : instruction.out) {
      of_lane[buffer(id)] = lane;
      critical[buffer(id)] = late;
    }
    if (late) {
      if (for_y[i]) (lane ? plan.critical_lane : plan.critical_shared).push_back(i);
      // What all share is done once; a lane's part was done for the oldest lane only.
      if (for_next[i] && (lane || !for_y[i])) (lane ? plan.later_lane : plan.later_shared).push_back(i);
    } else if (lane) {
      if (for_next[i]) {
        plan.early_lane.push_back(i);
      } else if (for_y[i]) {
        plan.early_oldest.push_back(i);
      }
    } else if (for_y[i] || for_next[i]) {
      plan.early_shared.push_back(i);
    }
  }
  for (const LanePlan::State& state : plan.states) {
    if (!state.lane && !program.values[state.next].constant && of_lane[buffer(state.next)]) {
      throw std::runtime_error("state " + state.name + " is of scope stream, but what it becomes is a lane's");
    }
  }
  for (const bool lane : of_lane) plan.rows.push_back(lane ? plan.lanes : 1);
}

}  // namespace

LanePlan LanePlan::make(const std::string& step_onnx, const Spec& spec) {
  LanePlan plan;
  const bool slides = spec.kind == Kind::kWindow || spec.kind == Kind::kRollout;
  plan.lanes = slides ? spec.window : 1;
  plan.n_features = spec.n_features();
  plan.n_outputs = spec.n_outputs();
  std::map<std::string, Shape> shapes{{"x", batch_of_one({plan.n_features})}};
  for (const learn_rt::State& state : spec.states) shapes["state." + state.name] = batch_of_one(state.shape);
  plan.program = lower(read_onnx(step_onnx), shapes);
  Program& program = plan.program;
  plan.x = program.input("x");
  plan.y = program.output("y");
  if (program.values[plan.y].size != plan.n_outputs) throw std::runtime_error("output \"y\" does not fit the spec");
  for (const learn_rt::State& state : spec.states) {
    const ValueId now = program.input("state." + state.name), next = program.output("state." + state.name + ".next");
    const std::size_t size = program.values[now].size;
    if (program.values[next].size != size) throw std::runtime_error("state " + state.name + " changes its shape");
    plan.states.push_back({state.name, now, next, size, slides && state.scope == Scope::kLane});
  }
  own_next_states(program, plan.states);
  store_weights(program, spec);
  partition(plan);
  return plan;
}

LanePlan LanePlan::one_lane() const {
  LanePlan one = *this;
  one.lanes = 1;
  one.rows.assign(one.rows.size(), 1);
  for (State& state : one.states) state.lane = false;
  return one;
}

LaneStream::LaneStream(const LanePlan& plan)
    : plan_(plan), frame_(plan.program, plan.rows), x_(frame_.at(plan.x)), y_(frame_.read(plan.y)) {
  for (const LanePlan::State& state : plan.states) {
    moves_.push_back({frame_.read(state.next), frame_.at(state.now), state.size, state.lane});
    if (plan.lanes == 1) state_size_ += state.size * sizeof(float);
  }
  reset();
}

void LaneStream::run(const LanePlan::Indices& indices, std::size_t first, std::size_t last) LEARN_RT_REALTIME {
  for (const std::size_t i : indices) frame_.run(i, first, last);
}

void LaneStream::run_early() LEARN_RT_REALTIME {
  run(plan_.early_shared, 0, 1);
  run(plan_.early_lane, 0, plan_.lanes);
  run(plan_.early_oldest, oldest_, oldest_ + 1);
}

void LaneStream::run_critical() LEARN_RT_REALTIME {
  run(plan_.critical_shared, 0, 1);
  run(plan_.critical_lane, oldest_, oldest_ + 1);
}

void LaneStream::reset() LEARN_RT_REALTIME {
  for (const Move& move : moves_) {
    std::memset(move.to.data, 0, move.size * (move.lane ? plan_.lanes : 1) * sizeof(float));
  }
  oldest_ = 1 % plan_.lanes;  // lane 0 starts with the first sample
  settled_ = true;
  run_early();
}

void LaneStream::step(const float* sample, float* answer) LEARN_RT_REALTIME {
  if (!settled_) settle();
  std::memcpy(x_.data, sample, plan_.n_features * sizeof(float));
  run_critical();
  std::memcpy(answer, y_.row(oldest_), plan_.n_outputs * sizeof(float));
  settled_ = false;
}

void LaneStream::settle() LEARN_RT_REALTIME {
  if (settled_) return;
  run(plan_.later_shared, 0, 1);
  run(plan_.later_lane, 0, plan_.lanes);
  for (const Move& move : moves_) {
    const std::size_t rows = move.lane ? plan_.lanes : 1;
    for (std::size_t r = 0; r < rows; ++r) std::memcpy(move.to.row(r), move.from.row(r), move.size * sizeof(float));
    // The lane that gave the answer starts again with the next sample.
    if (move.lane) std::memset(move.to.row(oldest_), 0, move.size * sizeof(float));
  }
  oldest_ = (oldest_ + 1) % plan_.lanes;
  settled_ = true;
  run_early();
  if (plan_.lanes > 1) run_critical();  // rehearsed: the lanes' own work has pushed its weights out of the caches
}

// What it writes, the step writes again.
void LaneStream::rehearse() LEARN_RT_REALTIME {
  settle();
  run_critical();
}

void LaneStream::save(char* state) LEARN_RT_REALTIME {
  settle();
  if (state_size_ == 0) return;
  for (const Move& move : moves_) {
    std::memcpy(state, move.to.data, move.size * sizeof(float));
    state += move.size * sizeof(float);
  }
}

const char* LaneStream::restore(const char* state) {
  for (std::size_t at = 0; at < state_size_; at += sizeof(float)) {
    float value = 0.0F;
    std::memcpy(&value, state + at, sizeof value);
    if (!std::isfinite(value)) return "a number of it is not finite";
  }
  for (const Move& move : moves_) {
    std::memcpy(move.to.data, state, move.size * sizeof(float));
    state += move.size * sizeof(float);
  }
  settled_ = true;
  run_early();
  return nullptr;
}

}  // namespace learn_rt
