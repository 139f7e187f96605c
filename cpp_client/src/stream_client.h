#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "deadline.h"
#include "fallback.h"
#include "input_guard.h"
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
  // `alone`: without an I/O thread, over a direct transport that opens at once.
  StreamClient(std::unique_ptr<Transport> transport, const std::string& model, Spec spec, const ClientOptions& options,
               bool alone = false);

  bool try_push(const float* sample) LEARN_RT_REALTIME override { return push(sample); }
  bool try_pop(Prediction& prediction) LEARN_RT_REALTIME override;
  const Prediction& latest() LEARN_RT_REALTIME override;
  Prediction predict(const float* sample, std::chrono::nanoseconds deadline,
                     const float* nominal) LEARN_RT_REALTIME override;
  const Prediction& due(std::uint64_t sequence, const float* nominal) LEARN_RT_REALTIME override;
  bool flush() LEARN_RT_REALTIME override;
  void clear_fault() LEARN_RT_REALTIME override;
  void rehearse() LEARN_RT_REALTIME override;
  std::string dump(const std::string& reason) override;

  bool fault() const noexcept override { return fault_.load(std::memory_order_relaxed); }
  std::size_t lead_ticks() const noexcept override { return lead_; }
  const std::string& spec_json() const noexcept override { return spec_.json; }
  ClientStats stats() const noexcept override;
  std::string endpoint() const override { return pump_.endpoint(); }
  std::string last_error() const override { return pump_.last_error(); }

 private:
  static constexpr std::uint64_t kAny = ~std::uint64_t{0};

  // Written by the control thread only, read by any.
  using Counter = std::atomic<std::uint64_t>;
  static void count(Counter& counter) LEARN_RT_REALTIME {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  void rest_on(const ClientOptions& options);
  bool push(const float* sample) LEARN_RT_REALTIME;
  void pushed(const float* sample, std::uint32_t flags) LEARN_RT_REALTIME;
  void want(std::uint64_t position) LEARN_RT_REALTIME;
  bool take(std::uint64_t newest) LEARN_RT_REALTIME;
  bool await(std::uint64_t position, std::int64_t deadline_ns) LEARN_RT_REALTIME;
  bool spin_for(std::uint64_t position, std::int64_t until_ns) LEARN_RT_REALTIME;
  void hand_out(const float* nominal) LEARN_RT_REALTIME;
  void hand_out_instead(std::uint64_t position, const float* nominal) LEARN_RT_REALTIME;
  void miss(std::uint64_t position, std::uint32_t why, const float* nominal) LEARN_RT_REALTIME;
  const Prediction& recorded() LEARN_RT_REALTIME;

  const Spec spec_;
  const bool spin_;
  const std::size_t lead_;         // ticks
  const std::size_t fault_after_;  // misses in a row; 0: never
  SampleRing samples_;
  AnswerRing answers_;
  Doorbell bell_;  // the I/O thread rings it when an answer is there
  InputGuard guard_;
  DeadlinePolicy policy_;
  std::optional<Fallback> fallback_;
  std::unique_ptr<record::Recorder> recorder_;  // null: nothing is recorded
  std::shared_ptr<record::Box> box_;
  std::vector<float> values_;  // what was handed out last
  Prediction latest_;
  std::uint64_t next_ = 0;    // position of the next sample
  std::uint64_t wanted_ = 0;  // answers to earlier positions come too late
  std::uint64_t origin_ = 0;  // position of the user's first sample, whose sequence is 0
  std::uint64_t misses_in_a_row_ = 0;
  bool ticked_ = false;  // a sample was pushed since the last value was handed out
  std::atomic<bool> fault_{false};
  Counter pushed_{0}, answered_{0}, missed_{0}, late_{0}, overruns_{0}, replaced_{0}, faults_{0};
  Pump pump_;                                 // its thread uses what is above
  std::unique_ptr<StreamClient> understudy_;  // what rehearse() asks; it has none itself
};

}  // namespace learn_rt::client
