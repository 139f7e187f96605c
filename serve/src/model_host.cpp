#include "model_host.h"

#include "following_session.h"

namespace learn_rt::serve {

HostedSession::HostedSession(std::shared_ptr<ModelHost> host)
    : host_(std::move(host)), session_(host_->model().open()) {
  host_->counters().opened();
}

HostedSession::HostedSession(std::unique_ptr<FollowingSession> following)
    : session_(std::move(following)), following_(static_cast<FollowingSession*>(session_.get())) {
  host().counters().opened();
}

HostedSession::~HostedSession() { host().counters().closed(); }

ModelHost& HostedSession::host() noexcept { return following_ == nullptr ? *host_ : following_->host(); }

bool HostedSession::turn() noexcept {
  if (following_ == nullptr || !following_->turn()) return false;
  if (recorded_ != nullptr) recorded_->answered_by(host().version());
  return true;
}

void HostedSession::record(const std::shared_ptr<record::Recorder>& recorder) {
  if (!recorder) return;
  const auto box = recorder->open({"server", host().name(), ""}, host().spec());
  if (!box) return;
  auto recorded = std::make_unique<record::RecordedSession>(std::move(session_), recorder, box, host().version());
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
