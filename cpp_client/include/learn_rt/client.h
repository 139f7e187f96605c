#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "learn_rt/client_options.h"
#include "learn_rt/flags.h"
#include "learn_rt/realtime.h"

namespace learn_rt {

struct Prediction {
  std::uint64_t sequence = 0;  // of the sample that it answers, from 0
  std::uint32_t flags = 0;     // Flag bits; kByPolicy tells whether the model gave it
  std::uint32_t n_outputs = 0;
  std::int64_t version = 0;     // of the model that gave the values; 0: the policy did, or it is not known
  std::int64_t latency_ns = 0;  // push to the answer's arrival; of predict(), to its return
  // Where that time went; what is left of it is the hand-over to the control thread. 0 where a transport has no such
  // stage.
  std::int64_t queue_ns = 0;    // push until the I/O thread takes the sample
  std::int64_t compute_ns = 0;  // in the server: the request's arrival in its handler to the answer
  std::int64_t wire_ns = 0;     // both ways, and what the server does outside its handler
  // n_outputs values. They are the client's, which writes the next ones there: copy what is to outlast its next call.
  const float* values = nullptr;
};

struct ClientStats {
  std::uint64_t pushed, answered;
  std::uint64_t missed;    // values that the policy gave
  std::uint64_t late;      // answers that came after their tick, and were dropped
  std::uint64_t overruns;  // samples that found the ring full
  std::uint64_t reconnects;
  // Replies that were not the one whose turn it was: one that had come before, one before whose turn others were lost
  // or overtaken, one that breaks the protocol otherwise. None is handed out; the last two end the stream.
  std::uint64_t duplicated, disordered, garbled;
  std::uint64_t replaced;  // samples with a value for which another stood in
  std::uint64_t faults;    // times that the fault latched
};

// A control loop's end of a stream. The control thread never blocks: between it and one I/O thread, which owns the
// transport, are two lock-free rings. Over shared memory, unix: and grpc:// the control thread carries samples and
// answers itself, in these calls, and the I/O thread opens streams and looks after them while the control thread is
// elsewhere. Everything marked real-time is for the control thread only. With Wait::kSpin it makes no system call; else
// it sends and receives on a socket without blocking, or a futex call wakes who takes the sample, and predict() sleeps
// (ppoll, futex) until shortly before its deadline. A lost stream is taken up again by itself, without a gap in the
// answers (docs/client.md).
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
  // Pushes a sample and returns within `deadline`: its answer, or the policy's, flagged why. Always inside the
  // envelope. `nominal`: n_outputs values for OnMiss::kNominal, or null for the spec's. Answers to earlier samples are
  // dropped as late.
  //
  // With a lead, the sample is the plan for `lead_ticks` ticks from now, and the answer is that for now: to the sample
  // pushed so many calls ago, which has waited here since. A stall that is shorter than the lead changes nothing. The
  // first `lead_ticks` samples are pushed ahead by try_push(); a call before that hands out what stands, warming up.
  virtual Prediction predict(const float* sample, std::chrono::nanoseconds deadline,
                             const float* nominal = nullptr) LEARN_RT_REALTIME = 0;
  // The answer to the sample of this sequence number, pushed before: what it is when it is there, and else the
  // policy's. It never waits. Answers to earlier samples are dropped as late, those to later ones stay. Once a tick, in
  // rising order: for a planner that pushes many samples at once, well ahead.
  virtual const Prediction& due(std::uint64_t sequence, const float* nominal = nullptr) LEARN_RT_REALTIME = 0;
  // Asks for the answers to the last `preview` ticks: pushes the last sample as often again. They come through
  // try_pop() and due(). False when there is no room, or no sample yet.
  virtual bool flush() LEARN_RT_REALTIME = 0;
  // Ends the fault that ClientOptions::fault_after misses in a row have latched. Until then every value is the
  // policy's, flagged kFault; samples still go to the model, so that its window is whole.
  virtual void clear_fault() LEARN_RT_REALTIME = 0;
  // Brings what the next predict() needs back into the caches; changes nothing, and takes about a microsecond. For a
  // loop that polls the clock, shortly before its tick.
  virtual void rehearse() LEARN_RT_REALTIME = 0;

  // Writes what is kept of the stream to a file; returns its path. Any thread but the control thread: it blocks. Throws
  // std::runtime_error: nothing is recorded, or the file cannot be written, and why.
  virtual std::string dump(const std::string& reason = "request") = 0;

  // Any thread, as all that follows.
  virtual bool fault() const noexcept = 0;
  virtual std::size_t lead_ticks() const noexcept = 0;
  virtual const std::string& spec_json() const noexcept = 0;
  virtual ClientStats stats() const noexcept = 0;
  // The address of the stream that is up or was the last one to be tried.
  virtual std::string endpoint() const = 0;
  // Why the stream is down, or empty.
  virtual std::string last_error() const = 0;
};

}  // namespace learn_rt
