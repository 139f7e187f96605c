#include "opening.h"

#include <cmath>
#include <exception>

#include "learn_rt/observation.h"
#include "status.h"

namespace learn_rt::serve {
namespace {

grpc::Status read_swap(const v1::Open& open, Following* how) {
  switch (open.swap()) {
    case v1::SWAP_PINNED:
      return grpc::Status::OK;
    case v1::SWAP_NOW:
      how->swap = Swap::kNow;
      break;
    case v1::SWAP_AT_REST:
      how->swap = Swap::kAtRest;
      break;
    case v1::SWAP_CROSSFADE:
      how->swap = Swap::kCrossfade;
      break;
    default:
      return invalid("open.swap must be one of learn_rt.v1.Swap, got " + std::to_string(open.swap()));
  }
  if (!open.version().empty() && open.version() != "stable") {
    return invalid("open.version is the number " + in_quotes(open.version()) +
                   ", which is never swapped: ask for 'stable', or leave out open.swap");
  }
  if (!(open.crossfade_s() >= 0.0F && open.crossfade_s() <= Following::kMostFadeS)) {
    return invalid("open.crossfade_s must be 0 to 60 seconds, got " + std::to_string(open.crossfade_s()));
  }
  how->swap_after = open.swap_after();
  if (open.crossfade_s() != 0.0F) how->crossfade_s = static_cast<double>(open.crossfade_s());
  return grpc::Status::OK;
}

grpc::Status restore(const v1::Open& open, Session& session) {
  try {
    session.restore(open.state().data(), open.state().size());
  } catch (const std::exception& error) {
    return invalid("open.state: " + std::string(error.what()));
  }
  return grpc::Status::OK;
}

}  // namespace

std::string names(const Spec& spec) {
  std::string line;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    if (i == 8) return line + ", ...";
    line += (i == 0 ? "" : ", ") + spec.inputs[i].name;
  }
  return line;
}

grpc::Status check_rest(const Spec& spec, const google::protobuf::RepeatedField<float>& rest) {
  if (rest.empty()) return grpc::Status::OK;
  if (static_cast<std::size_t>(rest.size()) != spec.n_features()) {
    return invalid("open.rest must be empty or one sample of " + std::to_string(spec.n_features()) + " values (" +
                   names(spec) + "), got " + std::to_string(rest.size()));
  }
  int i = 0;
  for (const Piece& piece : pieces(spec.inputs)) {
    const Signal& signal = spec.inputs[piece.signal];
    for (std::size_t k = 0; k < piece.size; ++k, ++i) {
      const double value = static_cast<double>(rest.Get(i)) * signal.scale[k] + signal.offset[k];
      const bool inside =
          !signal.range_valid || (value >= signal.range_valid->first && value <= signal.range_valid->second);
      if (std::isfinite(value) && inside) continue;
      return invalid("open.rest: " + signal.name + " must be finite and physical (spec: range_valid), got " +
                     std::to_string(value) + " " + signal.unit);
    }
  }
  return grpc::Status::OK;
}

grpc::Status check_contract(const ModelHost& host, const std::string& contract_hash) {
  if (contract_hash == host.spec().contract_hash) return grpc::Status::OK;
  return {grpc::StatusCode::FAILED_PRECONDITION, "open.contract_hash is " + in_quotes(contract_hash) + ", but " +
                                                     host.name() + "/" + std::to_string(host.version()) +
                                                     " has the contract " + host.spec().contract_hash +
                                                     ": ask Describe for its spec"};
}

grpc::Status describe(const Repository& repository, const v1::DescribeRequest& request,
                      v1::DescribeResponse* response) {
  std::shared_ptr<ModelHost> host;
  if (const grpc::Status found = repository.find(request.model(), request.version(), &host); !found.ok()) return found;
  response->set_model(host->name());
  response->set_version(host->version());
  response->set_contract_hash(host->spec().contract_hash);
  response->set_spec_json(host->spec().json);
  response->set_backend(host->model().backend());
  return grpc::Status::OK;
}

void tell(const ModelHost& host, v1::Opened* opened) {
  opened->set_version(host.version());
  opened->set_backend(host.model().backend());
}

grpc::Status open_session(const Repository& repository, const v1::Open& open, v1::Opened* opened,
                          std::unique_ptr<HostedSession>* session) {
  std::shared_ptr<ModelHost> host;
  if (const grpc::Status found = repository.find(open.model(), open.version(), &host); !found.ok()) return found;
  const Spec& spec = host->spec();
  if (const grpc::Status pinned = check_contract(*host, open.contract_hash()); !pinned.ok()) return pinned;
  if (spec.kind == Kind::kRollout) return invalid(host->name() + " answers rollouts: open a stream of Rollout");
  if (const grpc::Status checked = check_rest(spec, open.rest()); !checked.ok()) return checked;
  Following how;
  if (const grpc::Status read = read_swap(open, &how); !read.ok()) return read;
  if (!open.state().empty() && (how.swap != Swap::kPinned || !open.rest().empty()))
    return invalid("open.state belongs to one version, and says what came before: leave out open.swap and open.rest");
  try {
    if (how.swap == Swap::kPinned) {
      *session = std::make_unique<HostedSession>(host);
    } else {
      std::unique_ptr<FollowingSession> following;
      const std::vector<float> rest(open.rest().begin(), open.rest().end());
      const grpc::Status followed = repository.followers().open(host, how, rest, &following);
      if (!followed.ok()) return followed;
      *session = std::make_unique<HostedSession>(std::move(following));
    }
    (*session)->record(repository.recorder());
  } catch (const std::exception& error) {
    return {grpc::StatusCode::INTERNAL, host->name() + ": no session: " + error.what()};
  }
  if (open.state().empty()) {
    (*session)->session().begin(open.rest().empty() ? nullptr : open.rest().data());
  } else if (const grpc::Status restored = restore(open, (*session)->session()); !restored.ok()) {
    session->reset();
    return restored;
  }
  tell(*host, opened);
  return grpc::Status::OK;
}

}  // namespace learn_rt::serve
