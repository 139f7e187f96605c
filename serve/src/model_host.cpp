#include "model_host.h"

namespace learn_rt::serve {

HostedSession::HostedSession(std::shared_ptr<ModelHost> host)
    : host_(std::move(host)), session_(host_->model().open()) {
  host_->counters().opened();
}

HostedSession::~HostedSession() { host_->counters().closed(); }

HostedRollout::HostedRollout(std::shared_ptr<ModelHost> host, const RolloutLimits& limits)
    : host_(std::move(host)), session_(host_->model().open_rollout(limits)) {
  host_->counters().opened();
}

HostedRollout::~HostedRollout() { host_->counters().closed(); }

}  // namespace learn_rt::serve
