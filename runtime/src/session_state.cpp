#include "session_state.h"

#include <algorithm>

#include "learn_rt/spec.h"
#include "sha256.h"

namespace learn_rt {
namespace {

constexpr std::size_t kMany = std::size_t{1} << 31;  // more than anybody keeps: a spec may be hostile

}  // namespace

std::string state_identity(const ModelFolder& folder, const std::string& backend) {
  return sha256("learn_rt.state/1 " + backend + " " + sha256(folder.spec.json) + " " + sha256(folder.step_onnx));
}

std::size_t state_size(const Spec& spec) {
  std::size_t carried = 0, limited = 0;
  if (spec.kind != Kind::kStateful) return 0;
  for (const State& state : spec.states) {
    std::size_t elements = 1;
    for (const std::size_t n : state.shape) elements = std::min(elements, kMany) * std::min(n, kMany);
    carried = std::min(carried + std::min(elements, kMany) * sizeof(float), kMany);
  }
  for (const Signal& signal : spec.outputs) limited += signal.envelope ? signal.size() : 0;
  return carried == 0 ? 0 : kStateHead + spec.n_features() * sizeof(float) + limited * kLimiterState + carried;
}

}  // namespace learn_rt
