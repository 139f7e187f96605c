#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "backoff.h"
#include "rollout_history.h"
#include "rollout_link.h"

namespace learn_rt::client {

// The planner's thread leaves its request in a slot and waits there; the I/O thread takes it to the stream and brings
// back the reply. One request is under way at a time: a newer one waits for it, and takes the place of one that waits.
class ThreadedRolloutClient final : public RolloutClient {
 public:
  ThreadedRolloutClient(std::unique_ptr<RolloutLink> link, std::string model, Spec spec,
                        const RolloutClientOptions& options);
  ~ThreadedRolloutClient() override;
  ThreadedRolloutClient(const ThreadedRolloutClient&) = delete;
  ThreadedRolloutClient& operator=(const ThreadedRolloutClient&) = delete;

  void observe(const float* state, const float* action) override;
  RolloutOutcome rollout(const float* actions, std::size_t candidates, std::size_t horizon,
                         std::chrono::nanoseconds deadline, float* states, std::uint32_t* flags) override;
  const std::string& spec_json() const noexcept override { return spec_.json; }
  RolloutStats stats() const override;
  std::string endpoint() const override { return link_->endpoint(); }
  std::string last_error() const override;

 private:
  using Clock = std::chrono::steady_clock;
  enum class Slot { kEmpty, kWaiting, kUnderWay, kAnswered, kFailed };

  void open_first();
  void work();
  // Takes the request to the stream, opening one when there is none. False: it is down.
  bool carry();
  // Opens a stream.
  void reopen();
  void check(const RolloutReply& reply) const;

  const std::unique_ptr<RolloutLink> link_;
  const std::string model_;
  const Spec spec_;
  const RolloutClientOptions options_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable to_do_, done_;
  RolloutHistory history_;
  RolloutRequest waiting_;  // the newest request
  RolloutReply answer_;     // to it
  Slot slot_ = Slot::kEmpty;
  std::uint64_t sequence_ = 0;  // of the next request
  Clock::time_point taken_at_;  // when the I/O thread took the one under way
  bool carrying_ = false;       // the I/O thread is at the stream
  bool leaving_ = false, left_ = false;
  RolloutStats stats_{};
  std::string error_;

  // The I/O thread's own.
  RolloutRequest request_;
  RolloutReply reply_;
  bool open_ = false;
  bool fresh_ = false;      // the stream has no history yet
  std::uint64_t told_ = 0;  // observations that it has
  bool served_ = false;     // the stream answered
  Backoff backoff_;
  Clock::time_point not_before_;
  std::thread thread_;  // last: it uses what is above
};

// RolloutClient::connect with the link already made.
std::unique_ptr<RolloutClient> connect_rollout(std::unique_ptr<RolloutLink> link, const std::string& model,
                                               const RolloutClientOptions& options);

}  // namespace learn_rt::client
