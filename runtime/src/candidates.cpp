#include "candidates.h"

#include <algorithm>
#include <cstring>

namespace learn_rt {
namespace {

std::vector<bool> lane_states(const LanePlan& plan) {
  std::vector<bool> found(plan.program.buffers.size(), false);
  for (const LanePlan::State& state : plan.states) {
    if (state.lane) found[plan.program.values[state.now].buffer] = true;
  }
  return found;
}

std::vector<std::size_t> rows_of(const LanePlan& plan, const std::vector<bool>& states, std::size_t most,
                                 std::size_t block_rows) {
  std::vector<std::size_t> rows;
  for (std::size_t b = 0; b < plan.of_lane.size(); ++b) {
    rows.push_back(!plan.of_lane[b] ? most : states[b] ? most * plan.lanes : std::max(most, block_rows));
  }
  return rows;
}

}  // namespace

Candidates::Candidates(const LanePlan& plan, std::size_t most)
    : plan_(plan),
      is_lane_state_(lane_states(plan)),
      frame_(plan.program, rows_of(plan, is_lane_state_, most, kBlockRows)) {
  early_shared_ = bind(plan.early_shared);
  early_lane_ = bind(plan.early_lane);
  early_oldest_ = bind(plan.early_oldest);
  critical_shared_ = bind(plan.critical_shared);
  critical_lane_ = bind(plan.critical_lane);
  later_shared_ = bind(plan.later_shared);
  later_lane_ = bind(plan.later_lane);
  for (const LanePlan::State& state : plan.states) {
    moves_.push_back({operand(state.next), operand(state.now), state.size, state.lane});
  }
  x_ = operand(plan.x);
  y_ = operand(plan.y);
  std::size_t in = 0, out = 0;
  for (const Instruction& instruction : plan.program.instructions) {
    in = std::max(in, instruction.in.size());
    out = std::max(out, instruction.out.size());
  }
  sources_.resize(in);
  results_.resize(out);
}

Candidates::Operand Candidates::operand(ValueId id) const {
  const Value& value = plan_.program.values[id];
  if (value.constant) return {id, Place::kConstant, false, 0};
  const std::size_t b = value.buffer;
  const Place of_lane = is_lane_state_[b] ? Place::kLaneState : Place::kLaneBlock;
  return {id, plan_.of_lane[b] ? of_lane : Place::kCandidate, !plan_.critical[b], plan_.program.buffers[b]};
}

Candidates::Steps Candidates::bind(const LanePlan::Indices& indices) const {
  Steps steps;
  for (const std::size_t i : indices) {
    const Instruction& instruction = plan_.program.instructions[i];
    Step step{instruction.operation.get(), {}, {}, false};
    bool shared = false, lane = false;
    for (const ValueId id : instruction.in) {
      step.in.push_back(operand(id));
      shared = shared || step.in.back().place == Place::kCandidate;
    }
    for (const ValueId id : instruction.out) {
      step.out.push_back(operand(id));
      lane = lane || step.out.back().place != Place::kCandidate;
    }
    step.per_lane = shared && lane;
    steps.push_back(std::move(step));
  }
  return steps;
}

std::size_t Candidates::offset(const Operand& o, std::size_t lane, std::size_t place) const LEARN_RT_REALTIME {
  return o.stride * n_ * (o.place == Place::kLaneState ? lane : o.place == Place::kLaneBlock ? place : 0);
}

Source Candidates::source(const Operand& o, std::size_t lane, std::size_t place) const LEARN_RT_REALTIME {
  if (o.place != Place::kConstant && o.early && first_step_) return {history_->read(o.id).row(lane), 0};
  return {frame_.read(o.id).data + offset(o, lane, place), o.stride};
}

Result Candidates::result(const Operand& o, std::size_t lane, std::size_t place) LEARN_RT_REALTIME {
  return {frame_.at(o.id).data + offset(o, lane, place), o.stride};
}

void Candidates::run_once(const Step& step, std::size_t lane, std::size_t place, std::size_t rows) LEARN_RT_REALTIME {
  for (std::size_t i = 0; i < step.in.size(); ++i) sources_[i] = source(step.in[i], lane, place);
  for (std::size_t i = 0; i < step.out.size(); ++i) results_[i] = result(step.out[i], lane, place);
  step.operation->run(sources_.data(), results_.data(), 0, rows);
}

void Candidates::run(const Steps& steps, std::size_t lane, std::size_t n) LEARN_RT_REALTIME {
  for (const Step& step : steps) {
    if (n == 1 || (!step.per_lane && !first_step_)) {
      run_once(step, lane, 0, n * n_);
      continue;
    }
    for (std::size_t i = 0; i < n; ++i) run_once(step, lane + i, i, n_);
  }
}

void Candidates::move(const Move& m, std::size_t lane, std::size_t place) LEARN_RT_REALTIME {
  const Source from = source(m.from, lane, place);
  const Result to = result(m.to, lane, place);
  if (from.stride == m.size && to.stride == m.size) {
    std::memcpy(to.data, from.data, n_ * m.size * sizeof(float));
    return;
  }
  for (std::size_t k = 0; k < n_; ++k) std::memcpy(to.row(k), from.row(k), m.size * sizeof(float));
}

void Candidates::advance(std::size_t lane, std::size_t n) LEARN_RT_REALTIME {
  if (!first_step_) run(early_lane_, lane, n);
  run(later_lane_, lane, n);
  for (const Move& m : moves_) {
    for (std::size_t i = 0; m.lane && i < n; ++i) move(m, lane + i, i);
  }
}

void Candidates::restart(std::size_t lane) LEARN_RT_REALTIME {
  for (const Move& m : moves_) {
    if (m.lane) std::memset(result(m.to, lane, 0).data, 0, n_ * m.to.stride * sizeof(float));
  }
}

void Candidates::hand_out(const RolloutTask& task, std::size_t first, std::size_t h,
                          std::size_t lane) LEARN_RT_REALTIME {
  const std::size_t n_states = plan_.n_outputs;
  const Source y = source(y_, lane, 0);
  for (std::size_t k = 0; k < n_; ++k) {
    std::memcpy(task.states + ((first + k) * task.horizon + h) * n_states, y.row(k), n_states * sizeof(float));
  }
}

void Candidates::begin_row(const RolloutTask& task, std::size_t first, std::size_t h) LEARN_RT_REALTIME {
  const std::size_t n_states = plan_.n_outputs, n_actions = plan_.n_features - n_states;
  const Result x = result(x_, 0, 0);
  for (std::size_t k = 0; k < n_; ++k) {
    const std::size_t at = (first + k) * task.horizon + h;
    const float* state = h == 0 ? task.state : task.states + (at - 1) * n_states;
    std::memcpy(x.row(k), state, n_states * sizeof(float));
    std::memcpy(x.row(k) + n_states, task.actions + at * n_actions, n_actions * sizeof(float));
  }
}

void Candidates::run(const LaneStream& history, const RolloutTask& task, std::size_t first,
                     std::size_t n) LEARN_RT_REALTIME {
  history_ = &history;
  n_ = n;
  const std::size_t lanes = plan_.lanes, block = std::max<std::size_t>(1, kBlockRows / n);
  // The lane that began `j` rows after the history's oldest.
  const auto ring = [&](std::size_t j) { return (history.oldest() + j) % lanes; };
  for (std::size_t h = 0; h < task.horizon; ++h) {
    first_step_ = h == 0;
    const std::size_t oldest = ring(h);
    begin_row(task, first, h);
    if (!first_step_) {
      run(early_shared_, 0, 1);
      run(early_lane_, oldest, 1);
      run(early_oldest_, oldest, 1);
    }
    run(critical_shared_, 0, 1);
    run(critical_lane_, oldest, 1);
    hand_out(task, first, h, oldest);
    if (h + 1 == task.horizon) return;
    run(later_shared_, 0, 1);
    // Lanes that would answer beyond the horizon are not begun.
    const std::size_t end = std::min(h + lanes, task.horizon);
    for (std::size_t j = h + 1; j < end;) {
      const std::size_t together = std::min({block, end - j, lanes - ring(j)});
      advance(ring(j), together);
      j += together;
    }
    for (const Move& m : moves_) {
      if (!m.lane) move(m, 0, 0);
    }
    if (h + lanes < task.horizon) restart(oldest);
  }
}

}  // namespace learn_rt
