#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/client.h"
#include "learn_rt/realtime.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

struct Address;

struct Opening {
  std::string model, version, contract_hash;
  std::vector<float> rest;  // empty: a cold start
  Swap swap = Swap::kPinned;
  double crossfade_s = 0.0;                  // 0: as the server has it
  std::uint64_t swap_after = 0;              // samples that the version of the beginning is to answer
  std::vector<char> state;                   // that the session goes on from; empty: it begins
  std::uint32_t state_every = 0;             // samples after which a reply is to carry the state; 0: never
  std::chrono::milliseconds patience{5000};  // to look a server's name up
};

// Samples that follow one another.
struct Chunk {
  std::uint64_t sequence;  // of the first
  std::int64_t stamp_ns;   // of the first; comes back with the answers
  const float* samples;    // [n, n_features]
  std::size_t n, n_features;
};

// What came back for one chunk, as it came: nothing of it is checked yet.
struct Reply {
  std::uint64_t sequence;
  std::int64_t stamp_ns;
  const float* predictions;
  std::size_t n_predictions;
  const std::uint32_t* flags;
  std::size_t n_flags;
  std::int64_t compute_ns;
  std::int64_t version;                    // of the model that answered; 0: not known
  const std::int64_t* versions = nullptr;  // of each answer, where they may differ within a chunk
  const char* state = nullptr;             // of the session before this chunk, where one came
  std::size_t state_size = 0;

  std::int64_t version_of(std::size_t i) const LEARN_RT_REALTIME { return versions != nullptr ? versions[i] : version; }
};

// Where a transport hands over what happens on its stream. The calls never overlap; they may come from any one thread.
class Receiver {
 public:
  virtual void opened(std::int64_t version) noexcept = 0;  // of the model; 0: not known
  virtual void answered(const Reply& reply) noexcept = 0;
  virtual void writable() noexcept = 0;  // another chunk can be sent
  virtual void lost(const std::string& cause) noexcept = 0;

 protected:
  ~Receiver() = default;
};

// Samples in a message, at most: some milliseconds of a server's work, and half of the bytes that the protocol allows.
constexpr std::size_t max_chunk(std::size_t n_features) {
  return std::clamp<std::size_t>(512 * 1024 / (sizeof(float) * n_features), 1, 256);
}

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

// A way to reach served models: one stream at a time, driven by the I/O thread.
class Transport {
 public:
  static constexpr std::int64_t kPollNs = 5'000;

  virtual ~Transport() = default;

  // Returns the spec of a model. Throws std::runtime_error with the cause.
  virtual Spec describe(const std::string& model, const std::string& version, std::chrono::milliseconds timeout) = 0;
  // In place of describe(): the spec is known from another endpoint.
  virtual void adopt(const Spec& /*spec*/) {}
  // Starts a stream; opened() or lost() follows.
  virtual void open(const Opening& opening, Receiver& receiver) = 0;
  // How many samples send() can take now; writable() follows when it was none.
  virtual std::size_t room() noexcept = 0;
  // Sends a chunk; copies what it needs.
  virtual void send(const Chunk& chunk) = 0;
  // Takes what has come without waiting. Needed only by a transport made to spin, and by a direct one. False: the
  // stream is over, gone() tells why.
  virtual bool poll() { return true; }
  // Ends the stream. The receiver is not called after it returns.
  virtual void close() noexcept = 0;

  // Whether an opening may have a state, and replies may.
  virtual bool carries_states() const noexcept { return false; }

  // Direct: from opened() on, room(), send(), poll() and wait() allocate nothing, take no lock and never block but in
  // wait(), so that the control thread may call them itself. Everything happens in poll().
  virtual bool direct() const noexcept { return false; }
  // Of a direct one, poll()'s thread: sleeps until there may be something to take, interrupt() was called or
  // `until_ns`.
  virtual void wait(std::int64_t /*until_ns*/) noexcept {}
  // Of a direct one, any thread: from now on no wait() on this stream sleeps.
  virtual void interrupt() noexcept {}
  // Of a direct one, poll()'s thread: fetches what the next send() needs into the caches.
  virtual void rehearse() noexcept {}
  // For how long an answer is polled for before it is worth a sleep.
  virtual std::int64_t polls_ns() const noexcept { return kPollNs; }
  // Of one that is polled: why the stream is over, or empty. Any thread, beside poll().
  virtual std::string gone() const { return {}; }

  // Between two streams: turns to the next endpoint, if there are several. True when it was not tried since a stream
  // `served`: then it is worth no pause.
  virtual bool move_on(bool /*served*/) noexcept { return false; }
  // The address that the stream is or will be at. Any thread.
  virtual std::string endpoint() const { return {}; }
};

// `wait`: with kSpin it has no thread of its own, everything happens in poll().
std::unique_ptr<Transport> make_transport(const Address& address, Wait wait, const ClientSecurity& security);
// A way to each address, in this order. What security asks for goes to those that can have it; with one address it must
// be that. Throws std::runtime_error, naming the address.
std::unique_ptr<Transport> make_transports(const std::vector<std::string>& addresses, Wait wait,
                                           const ClientSecurity& security);

}  // namespace learn_rt::client
