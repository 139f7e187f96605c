#include "options_check.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "pump.h"
#include "stream_client.h"

namespace learn_rt::client {
namespace {

constexpr std::size_t kMaxCapacity = std::size_t{1} << 24;
constexpr double kMaxBytes = 1 << 30;  // a spec from a server must not take all memory

}  // namespace

void check(const ClientOptions& options) {
  if (options.capacity == 0 || options.capacity > kMaxCapacity)
    throw std::runtime_error("capacity must be 1 to " + std::to_string(kMaxCapacity) + ", got " +
                             std::to_string(options.capacity));
  if (options.connect_timeout.count() <= 0)
    throw std::runtime_error("connect_timeout must be above 0 ms, got " +
                             std::to_string(options.connect_timeout.count()));
  if (!(options.lead_s >= 0.0 && options.lead_s <= 3600.0))
    throw std::runtime_error("lead_s must be from 0 to 3600 seconds, got " + std::to_string(options.lead_s));
  if (!(options.crossfade_s > 0.0 && options.crossfade_s <= 60.0))
    throw std::runtime_error("crossfade_s must be above 0, to 60 seconds, got " + std::to_string(options.crossfade_s));
  if ((options.on_miss == OnMiss::kFallback) == options.fallback_model.empty())
    throw std::runtime_error("on_miss fallback and fallback_model, a model's version folder, go together");
}

void check(const ClientOptions& options, const Spec& spec) {
  if (!options.contract_hash.empty() && options.contract_hash != spec.contract_hash)
    throw std::runtime_error("the served model's contract must be " + options.contract_hash + ", it is " +
                             spec.contract_hash);
  if (spec.kind == Kind::kRollout)
    throw IsRollout("a model served as a stream must answer samples, this is a rollout: RolloutClient");
  const auto ahead = static_cast<double>(options.capacity + lead_of(options, spec) + spec.preview);
  const double samples = (sizeof(SampleHead) + 4.0 * static_cast<double>(spec.n_features())) *
                         (ahead + static_cast<double>(Keeping::of(spec, options.swap).history));
  const double answers = (sizeof(AnswerHead) + 4.0 * static_cast<double>(spec.n_outputs())) * ahead;
  if (samples + answers > kMaxBytes)
    throw std::runtime_error("capacity, lead_s and the model's window must fit in " +
                             std::to_string(static_cast<std::size_t>(kMaxBytes) >> 20) + " MiB, they take " +
                             std::to_string(static_cast<std::size_t>(samples + answers) >> 20));
  if (!options.rest.empty() && options.rest.size() != spec.n_features())
    throw std::runtime_error("rest must have " + std::to_string(spec.n_features()) + " values, got " +
                             std::to_string(options.rest.size()));
}

std::size_t lead_of(const ClientOptions& options, const Spec& spec) {
  return static_cast<std::size_t>(std::min(std::llround(options.lead_s / spec.dt_s), 1LL << 40));
}

}  // namespace learn_rt::client
