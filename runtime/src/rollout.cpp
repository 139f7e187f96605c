#include "learn_rt/rollout.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace learn_rt {
namespace {

void check_one(const char* name, std::size_t value, std::size_t most) {
  if (value < 1 || value > most) {
    throw std::runtime_error(std::string(name) + " must be 1 to " + std::to_string(most) + ", got " +
                             std::to_string(value));
  }
}

}  // namespace

void RolloutLimits::check(std::size_t n_features) const {
  check_one("candidates", candidates, kMaxCandidates);
  check_one("horizon", horizon, kMaxHorizon);
  check_one("threads", threads, kMaxThreads);
  if (candidates * horizon > kMaxValues / n_features) {
    throw std::runtime_error("candidates x horizon x values of a row must be at most " + std::to_string(kMaxValues) +
                             ", got " + std::to_string(candidates) + " x " + std::to_string(horizon) + " x " +
                             std::to_string(n_features));
  }
}

}  // namespace learn_rt
