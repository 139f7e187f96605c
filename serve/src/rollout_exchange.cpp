#include "rollout_exchange.h"

#include <chrono>
#include <exception>
#include <string>

#include "learn_rt/flags.h"
#include "opening.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

using Clock = std::chrono::steady_clock;

grpc::Status too_large(const std::string& cause) { return {grpc::StatusCode::RESOURCE_EXHAUSTED, cause}; }

}  // namespace

grpc::Status RolloutExchange::answer(const v1::RolloutRequest& request, v1::RolloutResponse* response) {
  const auto arrival = Clock::now();
  response->Clear();
  response->set_sequence(request.sequence());
  response->set_stamp_ns(request.stamp_ns());
  if (request.has_open()) {
    if (hosted_) return invalid("a stream is opened once: `open` belongs in its first request only");
    const grpc::Status opened = open(request.open(), response->mutable_opened());
    if (!opened.ok()) return opened;
  } else if (!hosted_) {
    return invalid("the first request of a stream must carry `open`: the model, its version and its contract_hash");
  }
  Counters& counters = hosted_->host().counters();
  if (const grpc::Status checked = check(request); !checked.ok()) {
    counters.failures.count(checked.error_code());
    return checked;
  }
  if (request.restart()) hosted_->session().begin(nullptr);
  response->set_history_flags(observe(request));
  rollout(request, response);
  const auto took = Clock::now() - arrival;
  if (request.candidates() > 0) counters.answered(request.candidates(), took);
  answers_ += request.candidates();
  counters.count_flags(response->flags().data(), static_cast<std::size_t>(response->flags_size()));
  response->set_compute_ns(static_cast<std::uint64_t>(took.count()));
  return grpc::Status::OK;
}

grpc::Status RolloutExchange::open(const v1::RolloutOpen& open, v1::Opened* opened) {
  std::shared_ptr<ModelHost> host;
  if (const grpc::Status found = repository_->find(open.model(), open.version(), &host); !found.ok()) return found;
  const Spec& spec = host->spec();
  if (const grpc::Status pinned = check_contract(*host, open.contract_hash()); !pinned.ok()) return pinned;
  if (spec.kind != Kind::kRollout) return invalid(host->name() + " answers samples: open a stream of Predict");
  if (const grpc::Status checked = check_rest(spec, open.rest()); !checked.ok()) return checked;
  RolloutLimits limits;
  if (open.max_candidates() != 0) limits.candidates = open.max_candidates();
  if (open.max_horizon() != 0) limits.horizon = open.max_horizon();
  limits.threads = threads_;
  try {
    limits.check(spec.n_features());
  } catch (const std::exception& error) {
    return invalid(std::string("open: ") + error.what());
  }
  try {
    hosted_ = std::make_unique<HostedRollout>(host, limits);
  } catch (const std::exception& error) {
    return too_large(host->name() + ": no session: " + error.what());
  }
  hosted_->session().begin(open.rest().empty() ? nullptr : open.rest().data());
  tell(*host, opened);
  return grpc::Status::OK;
}

grpc::Status RolloutExchange::check(const v1::RolloutRequest& request) const {
  const RolloutSession& session = hosted_->session();
  const std::size_t n_states = session.n_states(), n_actions = session.n_actions();
  const auto observed = static_cast<std::size_t>(request.observed_size());
  const auto taken = static_cast<std::size_t>(request.taken_size());
  if (observed % n_states != 0 || taken != observed / n_states * n_actions) {
    return invalid("observed and taken must hold as many states of " + std::to_string(n_states) + " as actions of " +
                   std::to_string(n_actions) + " values, got " + std::to_string(observed) + " and " +
                   std::to_string(taken) + " values");
  }
  if (observed / n_states > kMaxObserved) {
    return too_large("a request holds at most " + std::to_string(kMaxObserved) + " observed states, got " +
                     std::to_string(observed / n_states));
  }
  const std::size_t candidates = request.candidates(), horizon = request.horizon();
  if (candidates == 0 && horizon == 0 && request.actions_size() == 0) return grpc::Status::OK;
  const RolloutLimits& limits = session.limits();
  if (candidates < 1 || candidates > limits.candidates || horizon < 1 || horizon > limits.horizon) {
    return invalid("a rollout must have 1 to " + std::to_string(limits.candidates) +
                   " candidates and a horizon of 1 to " + std::to_string(limits.horizon) + ", as opened, got " +
                   std::to_string(candidates) + " and " + std::to_string(horizon));
  }
  if (candidates * horizon > kMaxValues / (n_states + n_actions)) {  // each below 2^16
    return too_large("a rollout holds at most " + std::to_string(kMaxValues) + " values of rows, got " +
                     std::to_string(candidates * horizon * (n_states + n_actions)) + ": split its candidates");
  }
  if (static_cast<std::size_t>(request.actions_size()) != candidates * horizon * n_actions) {
    return invalid("actions must hold candidates x horizon x " + std::to_string(n_actions) + " = " +
                   std::to_string(candidates * horizon * n_actions) + " values, got " +
                   std::to_string(request.actions_size()));
  }
  return grpc::Status::OK;
}

std::uint32_t RolloutExchange::observe(const v1::RolloutRequest& request) {
  RolloutSession& session = hosted_->session();
  const float *state = request.observed().data(), *action = request.taken().data();
  const float* const end = state + request.observed_size();
  std::uint32_t newest = 0, refused = 0;
  for (; state != end; state += session.n_states(), action += session.n_actions()) {
    newest = session.observe(state, action);
    refused |= newest & kRefused;
  }
  return newest | refused;
}

void RolloutExchange::rollout(const v1::RolloutRequest& request, v1::RolloutResponse* response) {
  if (request.candidates() == 0) return;
  RolloutSession& session = hosted_->session();
  const std::size_t candidates = request.candidates(), horizon = request.horizon();
  response->mutable_states()->Resize(static_cast<int>(candidates * horizon * session.n_states()), 0.0F);
  response->mutable_flags()->Resize(static_cast<int>(candidates), 0U);
  session.rollout(request.actions().data(), candidates, horizon, response->mutable_states()->mutable_data(),
                  response->mutable_flags()->mutable_data());
}

}  // namespace learn_rt::serve
