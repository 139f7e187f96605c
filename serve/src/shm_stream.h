#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "gate.h"
#include "learn_rt/shm/segment.h"
#include "model_host.h"
#include "rehearsal.h"

namespace learn_rt::serve {

// One stream over shared memory: a thread that takes samples from a slot's ring and puts answers into the other. While
// it polls, it makes no system call between a sample and its answer.
class ShmStream final : public OpenStream {
 public:
  // Throws std::runtime_error: the records do not fit, or no thread can be had.
  ShmStream(shm::Slot& slot, shm::Wait wait, std::unique_ptr<HostedSession> session);
  ~ShmStream() override;
  ShmStream(const ShmStream&) = delete;
  ShmStream& operator=(const ShmStream&) = delete;

  void start();
  // Ends it and waits until its thread has left the slot.
  void stop();
  void end(const grpc::Status& status) override;
  ModelHost& served() const noexcept { return hosted_->host(); }
  // So far; after stop().
  std::uint64_t answers() const noexcept { return n_; }
  // Set when the stream has ended by itself or was ended; the cause is for the client.
  std::optional<grpc::Status> ended() const;

 private:
  void run();
  void answer_what_came();
  bool serve();
  bool fail(const std::string& cause);
  bool wait_for_sample();
  void answer();
  void settle();
  void until_due();
  void rehearse();

  shm::Slot& slot_;
  const shm::Wait wait_;
  const std::unique_ptr<HostedSession> hosted_;
  shm::SampleConsumer samples_;
  shm::AnswerProducer answers_;
  std::vector<float> sample_, answer_;
  std::int64_t arrival_ns_ = 0, took_ns_ = 0;  // of the last sample
  Rehearsal rehearsal_;                        // of the next one's step
  std::uint64_t n_ = 0;                        // answers

  std::atomic<bool> ending_{false};
  std::atomic<bool> listened_to_{true};  // set before `ending_`: there is a client that waits for answers
  mutable std::mutex mutex_;
  std::optional<grpc::Status> status_;
  std::thread thread_;
};

}  // namespace learn_rt::serve
