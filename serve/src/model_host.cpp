#include "model_host.h"

namespace learn_rt::serve {

HostedSession::HostedSession(std::shared_ptr<ModelHost> host)
    : host_(std::move(host)), session_(host_->model().open()) {
  host_->counters().opened();
}

HostedSession::~HostedSession() { host_->counters().closed(); }

void HostedSession::record(const std::shared_ptr<record::Recorder>& recorder) {
  if (!recorder) return;
  const auto box = recorder->open({"server", host_->name(), ""}, host_->spec());
  if (!box) return;
  auto recorded = std::make_unique<record::RecordedSession>(std::move(session_), recorder, box, host_->version());
  recorded_ = recorded.get();
  session_ = std::move(recorded);
}

void HostedSession::failed(const std::string& cause) {
  if (recorded_ == nullptr) return;
  recorded_->box().note("ended", cause);
  recorded_->box().fault(record::kEnded);
}

HostedRollout::HostedRollout(std::shared_ptr<ModelHost> host, const RolloutLimits& limits)
    : host_(std::move(host)), session_(host_->model().open_rollout(limits)) {
  host_->counters().opened();
}

HostedRollout::~HostedRollout() { host_->counters().closed(); }

}  // namespace learn_rt::serve
