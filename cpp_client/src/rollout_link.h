#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/rollout_client.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

struct Address;

// What goes to a rollout session at once.
struct RolloutRequest {
  std::uint64_t sequence = 0;
  bool restart = false;                // the history is forgotten first
  std::vector<float> observed, taken;  // states, and the actions before them
  std::vector<float> actions;          // [candidates, horizon, n_actions]
  std::size_t candidates = 0, horizon = 0;
};

struct RolloutReply {
  std::uint64_t sequence = 0;
  std::vector<float> states;
  std::vector<std::uint32_t> flags;
  std::uint32_t history_flags = 0;
  std::int64_t compute_ns = 0;
};

// One stream of rollouts at a time, driven by the I/O thread. Every call throws std::runtime_error with the cause; the
// stream is then down until it is opened again.
class RolloutLink {
 public:
  virtual ~RolloutLink() = default;
  virtual Spec describe(const std::string& model, const RolloutClientOptions& options) = 0;
  virtual void open(const std::string& model, const std::string& contract_hash,
                    const RolloutClientOptions& options) = 0;
  virtual void exchange(const RolloutRequest& request, RolloutReply& reply) = 0;
  virtual void close() noexcept = 0;
  // Lets a call that waits end with an error. Any thread.
  virtual void cancel() noexcept {}

  // Between two streams: turns to the next endpoint, if there are several. True when it was not tried since a stream
  // `served`: then it is worth no pause.
  virtual bool move_on(bool /*served*/) noexcept { return false; }
  // The address that the stream is or will be at. Any thread.
  virtual std::string endpoint() const { return {}; }
};

std::unique_ptr<RolloutLink> make_rollout_link(const Address& address, const ClientSecurity& security);
// A way to each address, in this order; `security` as of make_transports(). Throws std::runtime_error, naming the
// address.
std::unique_ptr<RolloutLink> make_rollout_links(const std::vector<std::string>& addresses,
                                                const ClientSecurity& security);

}  // namespace learn_rt::client
