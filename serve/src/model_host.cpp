#include "model_host.h"

namespace learn_rt::serve {

void Counters::answered(std::uint64_t count, std::chrono::nanoseconds took) noexcept {
  using std::chrono::system_clock;
  requests.fetch_add(1, std::memory_order_relaxed);
  answers.fetch_add(count, std::memory_order_relaxed);
  compute_ns.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
  const auto now = system_clock::now().time_since_epoch();
  last_ms.store(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), std::memory_order_relaxed);
}

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
