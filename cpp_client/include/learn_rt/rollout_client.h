#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/flags.h"
#include "learn_rt/security.h"

namespace learn_rt {

struct RolloutClientOptions {
  std::string version = "stable";
  std::vector<std::string> failover;  // further addresses, tried in order when the one before is not to be had
  std::vector<float> rest;    // a row, a state and then an action, taken to have stood for ever before; empty: none
  std::string contract_hash;  // empty: the served model's, asked for at connect
  std::chrono::milliseconds connect_timeout{5000};  // to connect, and for any answer before the stream counts as lost
  std::size_t max_candidates = 1024, max_horizon = 1024;
  std::uint64_t jitter_seed = 0;  // of the pauses between attempts to reconnect; 0: another one each time
  std::size_t threads = 1;        // that share the candidates, in process; a server has its own setting
  ClientSecurity security;
};

// What came of a rollout.
struct RolloutOutcome {
  std::uint64_t sequence = 0;  // of the call, from 0
  // kLate or kDisconnected: no states came, and none were written. Otherwise the flags of all candidates and of the
  // observations before, together.
  std::uint32_t flags = 0;
  std::int64_t latency_ns = 0;  // from the call to its return
  std::int64_t compute_ns = 0;  // in the server: from the request's arrival in its handler to the answer

  bool answered() const noexcept { return (flags & (kLate | kDisconnected)) == 0; }
};

struct RolloutStats {
  std::uint64_t answered, missed, late, reconnects;
};

// A planner's end of a stream of rollouts. One thread of I/O owns the stream; the calls below belong to one other
// thread at a time. observe() does not wait for it. A lost stream is taken up again by itself, with the history
// replayed: the next rollout is that of an unbroken stream.
class RolloutClient {
 public:
  virtual ~RolloutClient() = default;

  // `address` as of Client::connect. Throws std::runtime_error with the cause.
  static std::unique_ptr<RolloutClient> connect(const std::string& address, const std::string& model,
                                                const RolloutClientOptions& options = {});

  // Takes the newest state and the action that was taken in the state before it (RolloutSession::observe). It goes out
  // with the next rollout.
  virtual void observe(const float* state, const float* action) = 0;

  // Rolls out actions [candidates, horizon, n_actions] from the newest state to states [candidates, horizon, n_states],
  // with Flag bits of each candidate, or returns without them when `deadline` has passed. Throws std::invalid_argument:
  // no candidates, no horizon, or more than the options say.
  virtual RolloutOutcome rollout(const float* actions, std::size_t candidates, std::size_t horizon,
                                 std::chrono::nanoseconds deadline, float* states, std::uint32_t* flags) = 0;

  virtual const std::string& spec_json() const noexcept = 0;
  virtual RolloutStats stats() const = 0;
  // The address of the stream that is up or was the last one to be tried. Any thread.
  virtual std::string endpoint() const = 0;
  // Why the stream is down, or empty. Any thread.
  virtual std::string last_error() const = 0;
};

}  // namespace learn_rt
