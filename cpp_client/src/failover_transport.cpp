#include "failover_transport.h"

#include <stdexcept>
#include <utility>

namespace learn_rt::client {

FailoverTransport::FailoverTransport(std::vector<Way> ways) : ways_(std::move(ways)), knows_spec_(ways_.size()) {}

Spec FailoverTransport::describe(const std::string& model, const std::string& version,
                                 std::chrono::milliseconds timeout) {
  std::string causes;
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    try {
      spec_ = ways_[i].transport->describe(model, version, timeout);
      knows_spec_[i] = true;
      current_.store(i, std::memory_order_release);
      return *spec_;
    } catch (const std::exception& error) {
      if (ways_.size() == 1) throw;
      causes += (causes.empty() ? "" : "; ") + ways_[i].address + ": " + error.what();
    }
  }
  throw std::runtime_error("no address serves it: " + causes);
}

void FailoverTransport::open(const Opening& opening, Receiver& receiver) {
  const auto i = current_.load(std::memory_order_relaxed);
  if (!knows_spec_[i]) now().adopt(*spec_);
  knows_spec_[i] = true;
  now().open(opening, receiver);
}

bool FailoverTransport::move_on(bool served) noexcept {
  if (served) tried_ = 0;
  current_.store((current_.load(std::memory_order_relaxed) + 1) % ways_.size(), std::memory_order_release);
  if (++tried_ < ways_.size()) return true;
  tried_ = 0;
  return false;
}

}  // namespace learn_rt::client
