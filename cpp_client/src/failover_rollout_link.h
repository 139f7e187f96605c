#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rollout_link.h"

namespace learn_rt::client {

// Several ways to reach the same model, one at a time: when a stream is lost, the next in order is tried.
class FailoverRolloutLink final : public RolloutLink {
 public:
  struct Way {
    std::string address;
    std::unique_ptr<RolloutLink> link;
  };
  // At least one.
  explicit FailoverRolloutLink(std::vector<Way> ways) : ways_(std::move(ways)) {}

  Spec describe(const std::string& model, const RolloutClientOptions& options) override;
  void open(const std::string& model, const std::string& contract_hash, const RolloutClientOptions& options) override {
    now().open(model, contract_hash, options);
  }
  void exchange(const RolloutRequest& request, RolloutReply& reply) override { now().exchange(request, reply); }
  void close() noexcept override { now().close(); }
  void cancel() noexcept override { now().cancel(); }
  bool move_on(bool served) noexcept override;
  std::string endpoint() const override { return ways_[current_.load(std::memory_order_acquire)].address; }

 private:
  RolloutLink& now() const noexcept { return *ways_[current_.load(std::memory_order_acquire)].link; }

  const std::vector<Way> ways_;
  std::atomic<std::size_t> current_{0};  // changes only while there is no stream
  std::size_t tried_ = 0;                // in a row, since one served
};

}  // namespace learn_rt::client
