#include "inproc_rollout_link.h"

#include <stdexcept>

#include "inproc_transport.h"
#include "learn_rt/doorbell.h"

namespace learn_rt::client {

Spec InprocRolloutLink::describe(const std::string& model, const RolloutClientOptions& options) {
  model_ = Model::load(version_folder(repository_, model, options.version));
  return model_->spec();
}

void InprocRolloutLink::open(const std::string& model, const std::string& contract_hash,
                             const RolloutClientOptions& options) {
  if (!model_) describe(model, options);  // another address was asked for the spec
  if (model_->spec().contract_hash != contract_hash)
    throw std::runtime_error("FAILED_PRECONDITION: contract " + model_->spec().contract_hash + " in " +
                             repository_.string() + ", the stream's is " + contract_hash);
  RolloutLimits limits;
  limits.candidates = options.max_candidates;
  limits.horizon = options.max_horizon;
  limits.threads = options.threads;
  session_ = model_->open_rollout(limits);
}

void InprocRolloutLink::exchange(const RolloutRequest& request, RolloutReply& reply) {
  const auto start_ns = now_ns();
  const std::size_t n_states = session_->n_states(), n_actions = session_->n_actions();
  if (request.restart) session_->begin(nullptr);
  std::uint32_t newest = 0, refused = 0;
  for (std::size_t i = 0; i < request.observed.size() / n_states; ++i) {
    newest = session_->observe(&request.observed[i * n_states], &request.taken[i * n_actions]);
    refused |= newest & kRefused;
  }
  reply.sequence = request.sequence;
  reply.history_flags = newest | refused;
  reply.states.resize(request.candidates * request.horizon * n_states);
  reply.flags.resize(request.candidates);
  session_->rollout(request.actions.data(), request.candidates, request.horizon, reply.states.data(),
                    reply.flags.data());
  reply.compute_ns = now_ns() - start_ns;
}

}  // namespace learn_rt::client
