#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "deadline.h"
#include "learn_rt/client.h"
#include "learn_rt/doorbell.h"
#include "learn_rt/record/recorder.h"
#include "learn_rt/spec.h"
#include "pump.h"
#include "ring.h"
#include "transport.h"

namespace learn_rt::client {

// A model of kind rollout was asked for answers to samples.
struct IsRollout : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Client::connect with the transport already made.
std::unique_ptr<Client> connect(std::unique_ptr<Transport> transport, const std::string& model,
                                const ClientOptions& options);

// The control thread's side: fills the samples' ring, empties the answers' ring, and never hands out a value that did
// not go through the deadline policy.
class StreamClient final : public Client {
 public:
  StreamClient(std::unique_ptr<Transport> transport, const std::string& model, Spec spec, const ClientOptions& options);

  bool try_push(const float* sample) LEARN_RT_REALTIME override;
  bool try_pop(Prediction& prediction) LEARN_RT_REALTIME override;
  const Prediction& latest() LEARN_RT_REALTIME override;
  Prediction predict(const float* sample, std::chrono::nanoseconds deadline,
                     const float* nominal) LEARN_RT_REALTIME override;
  bool flush() LEARN_RT_REALTIME override;
  std::string dump(const std::string& reason) override;

  const std::string& spec_json() const noexcept override { return spec_.json; }
  ClientStats stats() const noexcept override;
  std::string last_error() const override { return pump_.last_error(); }

 private:
  // Written by the control thread only, read by any.
  using Counter = std::atomic<std::uint64_t>;
  static void count(Counter& counter) LEARN_RT_REALTIME {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  void rest_on(const ClientOptions& options);
  bool push(const float* sample, std::int64_t expires_ns) LEARN_RT_REALTIME;
  bool take(Prediction& prediction) LEARN_RT_REALTIME;
  bool await(Prediction& prediction, std::int64_t deadline_ns) LEARN_RT_REALTIME;
  bool spin_for(Prediction& prediction, std::int64_t until_ns) LEARN_RT_REALTIME;
  void miss(std::uint32_t why, const float* nominal) LEARN_RT_REALTIME;
  void record(const Prediction& given) LEARN_RT_REALTIME;

  const Spec spec_;
  const bool spin_, doze_;
  SampleRing samples_;
  AnswerRing answers_;
  Doorbell bell_;  // the I/O thread rings it when an answer is there
  DeadlinePolicy policy_;
  std::unique_ptr<record::Recorder> recorder_;  // null: nothing is recorded
  std::shared_ptr<record::Box> box_;
  Prediction latest_;
  std::uint64_t next_ = 0;    // position of the next sample
  std::uint64_t wanted_ = 0;  // answers to earlier positions come too late
  std::uint64_t origin_ = 0;  // position of the user's first sample, whose sequence is 0
  bool ticked_ = false;       // a sample was pushed since the last value was handed out
  Counter pushed_{0}, answered_{0}, missed_{0}, late_{0}, overruns_{0};
  Pump pump_;  // last: its thread uses what is above
};

}  // namespace learn_rt::client
