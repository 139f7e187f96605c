#include "footprint.h"

#include <algorithm>
#include <set>

#include "weights.h"

namespace learn_rt {
namespace {

// Work of instructions: bytes once each, multiplications once a run.
class Sum {
 public:
  explicit Sum(const Program& program) : program_(program) {}

  void add(const LanePlan::Indices& indices, std::size_t runs) {
    for (const std::size_t i : indices) add(i, runs);
  }
  void add(std::size_t i, std::size_t runs) {
    if (runs == 0) return;
    const Work work = program_.instructions[i].operation->work();
    if (seen_.insert(i).second) total.weight_bytes += work.weight_bytes;
    total.multiply_adds += runs * work.multiply_adds;
  }

  Work total;

 private:
  const Program& program_;
  std::set<std::size_t> seen_;
};

std::size_t frame_bytes(const Program& program, const std::vector<std::size_t>& rows) {
  std::size_t floats = 0;
  for (std::size_t b = 0; b < program.buffers.size(); ++b) floats += program.buffers[b] * rows[b];
  return floats * sizeof(float);
}

}  // namespace

Footprint footprint_of(const Program& program) {
  Sum sum(program);
  for (std::size_t i = 0; i < program.instructions.size(); ++i) sum.add(i, 1);
  return {sum.total,
          {},
          frame_bytes(program, std::vector<std::size_t>(program.buffers.size(), 1)),
          count_matrices(program)};
}

Footprint footprint_of(const LanePlan& plan) {
  Sum answer(plan.program), settle(plan.program);
  answer.add(plan.critical_shared, 1);
  answer.add(plan.critical_lane, 1);
  settle.add(plan.later_shared, 1);
  settle.add(plan.later_lane, plan.lanes);
  settle.add(plan.early_shared, 1);
  settle.add(plan.early_lane, plan.lanes);
  settle.add(plan.early_oldest, 1);
  return {answer.total, settle.total, frame_bytes(plan.program, plan.rows), count_matrices(plan.program)};
}

// As Candidates::run goes.
Footprint footprint_of(const LanePlan& plan, std::size_t candidates, std::size_t horizon) {
  Sum sum(plan.program);
  for (std::size_t h = 0; h < horizon; ++h) {
    const std::size_t early = h == 0 ? 0 : candidates;  // the first step's is the history's
    sum.add(plan.early_shared, early);
    sum.add(plan.early_lane, early);
    sum.add(plan.early_oldest, early);
    sum.add(plan.critical_shared, candidates);
    sum.add(plan.critical_lane, candidates);
    if (h + 1 == horizon) break;
    const std::size_t lanes = std::min(h + plan.lanes, horizon) - (h + 1);
    sum.add(plan.later_shared, candidates);
    sum.add(plan.later_lane, lanes * candidates);
    sum.add(plan.early_lane, lanes * early);
  }
  return {sum.total, {}, frame_bytes(plan.program, plan.rows), count_matrices(plan.program)};
}

}  // namespace learn_rt
