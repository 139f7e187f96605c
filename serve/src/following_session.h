#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "learn_rt/envelope.h"
#include "learn_rt/session.h"
#include "model_host.h"
#include "sample_history.h"

namespace learn_rt::serve {

// When a stream goes on with another version of its model.
enum class Swap {
  kPinned,     // never
  kNow,        // between two samples, once the other version took the stream's history
  kAtRest,     // when the samples have stood still for a whole window
  kCrossfade,  // over some ticks, from the one version's answers to the other's
};

// A session of one version, and how far it is in a stream's samples.
struct Runner {
  std::shared_ptr<ModelHost> host;
  std::unique_ptr<Session> session;
  std::uint64_t taken = 0;  // samples of the stream
  std::uint32_t flags = 0;  // of its last answer
  bool unfit = false;       // it came to no answers on this stream's samples
  Runner* below = nullptr;  // in the pile of retired ones
};

// What a following stream and the thread that prepares versions for it share: they hand runners to each other through
// two atomic pointers, and neither waits.
class Follower {
 public:
  // `rest`: what the stream began with; empty: a cold start.
  Follower(const std::shared_ptr<ModelHost>& host, std::size_t history, std::vector<float> rest)
      : history_(host->spec().n_features(), history), rest_(std::move(rest)), host_(host.get()) {}
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  const SampleHistory& history() const noexcept { return history_; }
  const std::vector<float>& rest() const noexcept { return rest_; }
  // The version that answers now. Any thread; not to be looked into.
  const ModelHost* host() const noexcept { return host_.load(std::memory_order_relaxed); }
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }

  // Hands over a runner that is near the stream's last sample; one that was not taken yet goes. Preparing thread only.
  void offer(std::unique_ptr<Runner> runner);
  // What the stream is through with, newest first. Preparing thread only.
  std::vector<std::unique_ptr<Runner>> reap();

 private:
  friend class FollowingSession;

  SampleHistory history_;
  const std::vector<float> rest_;
  std::atomic<const ModelHost*> host_;
  std::atomic<bool> closed_{false};
  std::atomic<Runner*> offered_{nullptr};
  std::atomic<Runner*> retired_{nullptr};
};

// A stream's session over several versions. It takes over what its follower is offered between two samples, without a
// lock or an allocation, and keeps the answers of all versions inside the envelope, as one sequence. One thread at a
// time.
class FollowingSession final : public Session {
 public:
  // `fade_ticks` of a crossfade; the first version answers `swap_after` samples, whatever comes. Before its first
  // sample it is to begin with its follower's rest.
  FollowingSession(std::shared_ptr<Follower> follower, std::unique_ptr<Runner> first, Swap swap, std::size_t fade_ticks,
                   std::uint64_t swap_after = 0);
  ~FollowingSession() override;

  // The version that answers; in a crossfade, the one that is coming.
  ModelHost& host() noexcept { return crossing_ ? *coming_->host : *current_->host; }
  // Between two requests: goes on with another version when it is time to. True: it answers from now on.
  bool turn() LEARN_RT_REALTIME;

  // Once more: starts anew on the version that it has, and stays on it.
  void begin(const float* rest) LEARN_RT_REALTIME override;
  std::uint32_t step(const float* sample, float* answer) LEARN_RT_REALTIME override;
  void settle() LEARN_RT_REALTIME override;
  void rehearse() LEARN_RT_REALTIME override { current_->session->rehearse(); }
  void flush(float* answers, std::uint32_t* flags) LEARN_RT_REALTIME override;
  std::size_t n_features() const LEARN_RT_REALTIME override { return last_sample_.size(); }
  std::size_t n_outputs() const LEARN_RT_REALTIME override { return last_.size(); }
  std::size_t preview() const LEARN_RT_REALTIME override { return current_->session->preview(); }

 private:
  bool due() LEARN_RT_REALTIME;
  void take_over() LEARN_RT_REALTIME;
  void follow(std::size_t most) LEARN_RT_REALTIME;
  void retire(Runner* runner) LEARN_RT_REALTIME;
  std::uint32_t limit(float* answer) LEARN_RT_REALTIME;
  void note(const float* sample) LEARN_RT_REALTIME;

  const std::shared_ptr<Follower> follower_;
  const Swap swap_;
  const std::size_t fade_ticks_, rest_ticks_, patience_;
  const std::uint64_t swap_after_;
  Runner* current_;           // owned
  Runner* coming_ = nullptr;  // owned: offered, and taking the samples too
  std::uint64_t taken_ = 0, settled_ = 0;
  std::uint64_t still_ = 0;  // samples that were equal to the one before, to the last one
  std::uint64_t unfit_ = 0;  // samples that the coming one gave no answer to, to the last one
  std::size_t fading_ = 0;   // ticks of the crossfade that were answered; 0: none
  bool begun_ = false;
  bool crossing_ = false;
  bool limiting_ = false;  // another version than the first answers: its envelope knows nothing of what was given out
  std::vector<EnvelopeLimiter> limiters_;
  std::vector<bool> limited_;
  std::vector<float> before_, last_;  // the last two answers given out
  std::vector<float> last_sample_, sample_, other_;
};

}  // namespace learn_rt::serve
