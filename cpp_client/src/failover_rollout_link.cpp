#include "failover_rollout_link.h"

#include <stdexcept>
#include <utility>

namespace learn_rt::client {

Spec FailoverRolloutLink::describe(const std::string& model, const RolloutClientOptions& options) {
  std::string causes;
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    try {
      Spec spec = ways_[i].link->describe(model, options);
      current_.store(i, std::memory_order_release);
      return spec;
    } catch (const std::exception& error) {
      if (ways_.size() == 1) throw;
      causes += (causes.empty() ? "" : "; ") + ways_[i].address + ": " + error.what();
    }
  }
  throw std::runtime_error("no address serves it: " + causes);
}

bool FailoverRolloutLink::move_on(bool served) noexcept {
  if (served) tried_ = 0;
  current_.store((current_.load(std::memory_order_relaxed) + 1) % ways_.size(), std::memory_order_release);
  if (++tried_ < ways_.size()) return true;
  tried_ = 0;
  return false;
}

}  // namespace learn_rt::client
