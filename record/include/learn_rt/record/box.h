#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "learn_rt/realtime.h"
#include "learn_rt/record/tape.h"
#include "learn_rt/spec.h"

namespace learn_rt::record {

// Why a file is written by itself.
enum Fault : std::uint32_t {
  kLost = 1U << 0,           // client: the stream was lost
  kEnded = 1U << 1,          // server: the stream ended with an error
  kRefusedSample = 1U << 2,  // a sample was not finite or not physical
  kLatched = 1U << 3,        // client: a fault latched
};

// Whose stream it is.
struct Origin {
  std::string side;  // "server" or "client"
  std::string model;
  std::string peer;  // server: who asks, where it is known; client: the address
};

struct Event {
  std::int64_t at_ns;
  std::uint64_t row;  // rows written before it
  std::string event, text;
};

// The black box of one stream: its rows, and what happened to it. Row calls belong to the thread that carries the
// stream, handed_out() to the control thread; neither ever waits. Recorder writes it to files.
class Box {
 public:
  static constexpr std::size_t kMaxEvents = 256, kMaxText = 500;

  // `rows`: how many are kept. A client's box keeps what was handed out too.
  Box(Origin origin, const Spec& spec, std::size_t rows);
  // Memory that a box of `rows` rows takes.
  static std::size_t bytes(const Origin& origin, const Spec& spec, std::size_t rows);

  // The carrier only. A session begins; `rest`: n_features values, or null. Client: samples from `sequence` on feed it.
  void begin(std::uint64_t sequence, std::int64_t version, const float* rest) LEARN_RT_REALTIME {
    version_.store(version, std::memory_order_relaxed);
    rows_.write(head(sequence, 0, now(), 0, 0, rest != nullptr ? kBeginAtRest : kBegin), rest, nullptr);
  }
  // The carrier only. A session goes on from the state that another was in before sample `sequence`.
  void go_on(std::uint64_t sequence, std::int64_t version) LEARN_RT_REALTIME {
    version_.store(version, std::memory_order_relaxed);
    rows_.write(head(sequence, 0, now(), 0, 0, kGoesOn), nullptr, nullptr);
  }
  // The carrier only. Another version answers from here on.
  void answered_by(std::int64_t version) LEARN_RT_REALTIME { version_.store(version, std::memory_order_relaxed); }
  // The carrier only. A sample and its answer.
  void step(std::uint64_t sequence, std::int64_t stamp_ns, std::int64_t at_ns, std::int64_t took_ns,
            std::uint32_t flags, const float* inputs, const float* outputs) LEARN_RT_REALTIME {
    rows_.write(head(sequence, stamp_ns, at_ns, took_ns, flags, kStep), inputs, outputs);
    used_.store(true, std::memory_order_release);
    if ((flags & kRefusedFlag) != 0) fault(kRefusedSample);
  }
  // The carrier only. A sample without an answer.
  void unanswered(std::uint64_t sequence, std::int64_t stamp_ns, const float* inputs) LEARN_RT_REALTIME {
    rows_.write(head(sequence, stamp_ns, now(), 0, 0, kUnanswered), inputs, nullptr);
  }
  // The carrier only. An answer without a sample, of a flush.
  void flush(std::uint64_t sequence, std::int64_t stamp_ns, std::uint32_t flags,
             const float* outputs) LEARN_RT_REALTIME {
    rows_.write(head(sequence, stamp_ns, now(), 0, flags, kFlush), nullptr, outputs);
  }
  // The control thread only. `version`: of the model that gave the values; 0: none did, or it is not known.
  void handed_out(std::uint64_t sequence, std::int64_t latency_ns, std::int64_t version, std::uint32_t flags,
                  const float* values) LEARN_RT_REALTIME {
    RowHead row = head(sequence, 0, now(), latency_ns, flags, kHandedOut);
    row.version = version;
    handed_->write(row, nullptr, values);
  }

  // Any thread. Asks for a file, soon.
  void fault(Fault why) LEARN_RT_REALTIME { faults_.fetch_or(why, std::memory_order_release); }
  // Any thread; allocates. What happened, in words; cut to kMaxText, the oldest goes beyond kMaxEvents.
  void note(const std::string& event, const std::string& text);

  // Recorder's.
  std::uint32_t take_faults() noexcept { return faults_.exchange(0, std::memory_order_acq_rel); }
  bool empty() const noexcept { return !used_.load(std::memory_order_acquire); }  // no sample was answered
  // The whole file. Any thread.
  std::string file(const std::string& reason, double seconds) const;
  const Origin& origin() const noexcept { return origin_; }

 private:
  static constexpr std::uint32_t kRefusedFlag = 1U << 3;  // learn_rt::kRefused
  static std::int64_t now() LEARN_RT_REALTIME;
  RowHead head(std::uint64_t sequence, std::int64_t stamp_ns, std::int64_t at_ns, std::int64_t took_ns,
               std::uint32_t flags, Kind kind) const LEARN_RT_REALTIME;

  const Origin origin_;
  const std::string spec_json_, contract_hash_;
  const std::size_t n_features_, n_outputs_, history_;
  Tape rows_;
  const std::unique_ptr<Tape> handed_;
  std::atomic<std::int64_t> version_{0};  // written by the carrier
  std::atomic<bool> used_{false};
  std::atomic<std::uint32_t> faults_{0};
  mutable std::mutex mutex_;
  std::deque<Event> events_;
  std::uint64_t events_dropped_ = 0;
};

}  // namespace learn_rt::record
