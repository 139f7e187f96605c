#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "learn_rt/flags.h"
#include "learn_rt/realtime.h"
#include "learn_rt/security.h"

namespace learn_rt {

// What predict() answers when the model's answer is not there in time.
enum class OnMiss { kHold, kZero, kNominal };

// How predict(), the I/O thread, and over shared memory the server, wait.
enum class Wait {
  kSleep,  // until woken
  kDoze,   // over shared memory: asleep, but polling around the time of the next sample; elsewhere as kSleep
  kSpin,   // polling: a core a side for less latency
};

struct ClientOptions {
  std::string version = "stable";
  OnMiss on_miss = OnMiss::kHold;
  std::size_t capacity = 1024;  // samples and answers that each ring holds
  std::vector<float> rest;      // a sample taken to have stood for ever before the first one; empty: a cold start
  std::string contract_hash;    // empty: the served model's, asked for at connect
  std::chrono::milliseconds connect_timeout{5000};  // to connect, and for any answer before the stream counts as lost
  Wait wait = Wait::kDoze;
  int io_cpu = -1;  // pins the I/O thread
  // A folder: the last `record_s` of the stream are kept in memory, and written there as a file on request and after a
  // fault (docs/recording.md). Empty: nothing is recorded.
  std::string record;
  double record_s = 60.0;
  ClientSecurity security;
};

struct Prediction {
  static constexpr std::size_t kMaxOutputs = 128;  // a body's pose has 101
  std::uint64_t sequence = 0;                      // of the sample that it answers, from 0
  std::uint32_t flags = 0;                         // Flag bits
  std::uint32_t n_outputs = 0;
  std::int64_t latency_ns = 0;  // push to the answer's arrival; of predict(), to its return
  // Where that time went; what is left of it is the hand-over to the control thread. 0 where a transport has no such
  // stage.
  std::int64_t queue_ns = 0;    // push until the I/O thread takes the sample
  std::int64_t compute_ns = 0;  // in the server: the request's arrival in its handler to the answer
  std::int64_t wire_ns = 0;     // both ways, and what the server does outside its handler
  float values[kMaxOutputs] = {};
};

struct ClientStats {
  std::uint64_t pushed, answered, missed, late, overruns, reconnects;
};

// A control loop's end of a stream. The control thread never blocks: between it and one I/O thread, which owns the
// transport, are two lock-free rings; over shared memory the control thread carries samples and answers itself, in
// these calls, and the I/O thread only opens streams. Everything marked real-time is for the control thread only. With
// Wait::kSpin it makes no system call; else one futex call may wake who takes the sample, and predict() sleeps on
// another until shortly before its deadline. A lost stream is taken up again by itself, without a gap in the answers
// (docs/client.md).
class Client {
 public:
  virtual ~Client() = default;

  // `address`: inproc:REPOSITORY, unix:PATH, grpc://HOST:PORT, grpcs://HOST:PORT (TLS) or shm:NAME. Throws
  // std::runtime_error with the cause.
  static std::unique_ptr<Client> connect(const std::string& address, const std::string& model,
                                         const ClientOptions& options = {});

  // Takes a sample; false when the ring is full (counted as an overrun).
  virtual bool try_push(const float* sample) LEARN_RT_REALTIME = 0;
  // Takes the oldest answer out; false when there is none.
  virtual bool try_pop(Prediction& prediction) LEARN_RT_REALTIME = 0;
  // The newest answer there is; when a sample was pushed since the last value was handed out and no answer came, the
  // policy's. Each value that it hands out is one tick of the envelope: call it once a tick.
  virtual const Prediction& latest() LEARN_RT_REALTIME = 0;
  // Pushes a sample and returns within `deadline`: its answer, or the policy's, flagged kLate or kDisconnected. Always
  // inside the envelope. `nominal`: n_outputs values for OnMiss::kNominal, or null for the spec's. Answers to earlier
  // samples are dropped as late.
  virtual Prediction predict(const float* sample, std::chrono::nanoseconds deadline,
                             const float* nominal = nullptr) LEARN_RT_REALTIME = 0;
  // Asks for the answers to the last `preview` ticks: pushes the last sample as often again. They come through try_pop.
  // False when there is no room, or no sample yet.
  virtual bool flush() LEARN_RT_REALTIME = 0;

  // Writes what is kept of the stream to a file; returns its path. Any thread but the control thread: it blocks. Throws
  // std::runtime_error: nothing is recorded, or the file cannot be written, and why.
  virtual std::string dump(const std::string& reason = "request") = 0;

  virtual const std::string& spec_json() const noexcept = 0;
  virtual ClientStats stats() const noexcept = 0;
  // Why the stream is down, or empty. Any thread.
  virtual std::string last_error() const = 0;
};

}  // namespace learn_rt
