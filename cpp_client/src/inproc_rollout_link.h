#pragma once

#include <filesystem>
#include <memory>

#include "learn_rt/model.h"
#include "rollout_link.h"

namespace learn_rt::client {

// A rollout session in this process, run by the I/O thread.
class InprocRolloutLink final : public RolloutLink {
 public:
  explicit InprocRolloutLink(std::filesystem::path repository) : repository_(std::move(repository)) {}

  Spec describe(const std::string& model, const RolloutClientOptions& options) override;
  void open(const std::string& model, const std::string& contract_hash, const RolloutClientOptions& options) override;
  void exchange(const RolloutRequest& request, RolloutReply& reply) override;
  void close() noexcept override { session_.reset(); }

 private:
  const std::filesystem::path repository_;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<RolloutSession> session_;
};

}  // namespace learn_rt::client
