#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "backoff.h"
#include "learn_rt/client.h"
#include "learn_rt/doorbell.h"
#include "learn_rt/record/box.h"
#include "learn_rt/spec.h"
#include "reply_fault.h"
#include "ring.h"
#include "state_keeping.h"
#include "transport.h"

namespace learn_rt::client {

struct SampleHead {
  std::int64_t stamp_ns;  // when it was pushed
  std::int64_t taken_ns;  // when the I/O thread took it
  std::uint64_t chunk;    // samples in the chunk that it begins
  std::uint32_t flags;    // what the client knows of it already: its answer has them too
};

struct AnswerHead {
  std::uint64_t sequence;
  std::uint32_t flags;
  std::int64_t pushed_ns, arrived_ns, queue_ns, compute_ns;
  std::int64_t version;  // of the model
};

// How many replies were not the one whose turn it was, see ClientStats.
struct Irregular {
  std::uint64_t duplicated, disordered, garbled;
};

using SampleRing = FrameRing<SampleHead>;
using AnswerRing = FrameRing<AnswerHead>;

// The I/O thread: carries samples from their ring to the transport, several in one message when several wait, and
// answers back, after checking that they are what was asked for. Over a direct transport it opens streams and replays
// the history; then the control thread carries, until the stream is over, and the I/O thread looks after the stream
// only when the control thread has not done so for a while. A sample's sequence number is its
// position in the ring; it stays there until it is answered and no longer needed for a replay. When the stream is lost,
// a new one is opened, with growing pauses, and fed the history first: no answer is lost, none comes twice, and the
// window is the same as before.
class Pump final : private Receiver {
 public:
  Pump(std::unique_ptr<Transport> transport, const Spec& spec, Opening opening, const ClientOptions& options,
       SampleRing& samples, AnswerRing& answers, Doorbell& control, record::Box* box = nullptr);
  ~Pump();

  // Returns once the stream is open. Throws std::runtime_error with the cause.
  void start();
  // In place of start(), over a direct transport that opens at once: there is no I/O thread.
  void start_alone();

  // Control thread, after it pushed a sample or took an answer out: sends what can go, or lets the I/O thread do it.
  void wake() LEARN_RT_REALTIME;
  // Any thread: whether it is the control thread that carries.
  bool direct() const LEARN_RT_REALTIME { return carrier_.load(std::memory_order_acquire) != Carrier::kIo; }
  // Control thread: when it carries, takes the answers that are there.
  void carry() LEARN_RT_REALTIME;
  // Control thread: when it carries, sleeps until there may be an answer, or until then; else false.
  bool sleep(std::int64_t until_ns) LEARN_RT_REALTIME;
  // Control thread: when it carries, has the transport fetch what it needs for the next sample.
  void rehearse() LEARN_RT_REALTIME;
  // For how long an answer is polled for before sleep().
  std::int64_t polls_ns() const LEARN_RT_REALTIME { return direct() ? transport_->polls_ns() : Transport::kPollNs; }
  // Control thread: nobody waits any more for answers to samples before this one. Of them, those that have no answer
  // when the stream is lost get none.
  void want(std::uint64_t position) LEARN_RT_REALTIME { wanted_.store(position, std::memory_order_release); }
  // Any thread.
  bool up() const LEARN_RT_REALTIME { return up_.load(std::memory_order_acquire); }
  std::uint64_t streams() const LEARN_RT_REALTIME { return streams_.load(std::memory_order_relaxed); }
  Irregular irregular() const noexcept;
  std::string endpoint() const { return transport_->endpoint(); }
  std::string last_error() const;

 private:
  // How often a stream that is down, waited for or carried by the control thread is looked after.
  static constexpr std::int64_t kLookNs = 20'000'000;
  // So many messages may wait for their answers; what is pushed meanwhile goes into one. On a loaded machine a message
  // costs a server some milliseconds of waiting for its turn, whatever is in it.
  static constexpr std::uint32_t kUnderWay = 16;

  enum class Link : std::uint32_t { kDown, kOpening, kOpen, kLost };
  // Who may call the transport of a stream: the I/O thread; the control thread, which is not there now; or it is.
  enum class Carrier : std::uint32_t { kIo, kControl, kInside };

  void opened(std::int64_t version) noexcept override;
  void answered(const Reply& reply) noexcept override;
  void writable() noexcept override;
  void lost(const std::string& cause) noexcept override;

  void run();
  void open();
  void give_up();
  void watch();
  std::string stalled();
  bool caught_up();
  void hand_over();
  void mind();
  bool take_over();
  void lose(const std::string& cause);
  bool enter() LEARN_RT_REALTIME;
  void leave() LEARN_RT_REALTIME;
  void send_all() LEARN_RT_REALTIME;
  void take_all() LEARN_RT_REALTIME;
  void forget_unwanted();
  void release_old() LEARN_RT_REALTIME;
  bool can_go_on() const;
  std::size_t sendable();
  void send(std::size_t n);
  std::int64_t next_look() const;
  Asked asked() LEARN_RT_REALTIME;
  void count(Fault fault) LEARN_RT_REALTIME;
  void deliver(const Reply& reply);

  const std::unique_ptr<Transport> transport_;
  const Opening opening_;
  const bool pinned_;  // to the version of the first stream
  const bool spin_;
  const Keeping keeping_;
  const int io_cpu_;
  const std::int64_t patience_ns_;  // for the stream to open, and for an answer
  const std::size_t n_features_, n_outputs_, max_chunk_;
  SampleRing& samples_;
  AnswerRing& answers_;
  Doorbell& control_;
  record::Box* const box_;  // null: nothing is recorded
  Doorbell bell_;

  // Positions on the samples' ring. `sent_` and `received_` are this stream's, whose replay comes before what is owed.
  std::atomic<std::uint64_t> sent_{0};       // the next sample to send
  std::atomic<std::uint64_t> received_{0};   // the next sample to be answered
  std::atomic<std::uint32_t> under_way_{0};  // messages sent and not answered
  std::atomic<std::uint64_t> owed_{0};       // the next sample whose answer the control thread is to get
  std::atomic<std::uint64_t> wanted_{0};     // the oldest sample whose answer the control thread waits for
  std::atomic<Link> link_{Link::kDown};
  std::atomic<bool> up_{false}, stop_{false};
  std::atomic<bool> refused_{false};  // every endpoint was tried once
  std::atomic<Carrier> carrier_{Carrier::kIo};
  std::atomic<bool> recall_{false};        // the I/O thread wants to carry again
  std::atomic<std::uint64_t> visits_{0};   // of the control thread, for answers
  std::atomic<std::uint64_t> streams_{0};  // opened so far
  std::atomic<std::uint64_t> duplicated_{0}, disordered_{0}, garbled_{0};
  std::atomic<std::int64_t> first_version_{0};  // of the first stream; 0: not known
  std::int64_t answered_by_ = 0;                // the carrier's: the version of the last answer
  KeptState state_;                             // the carrier's
  bool from_state_ = false;                     // this stream began with one
  // The I/O thread's own.
  std::vector<float> chunk_;
  Backoff backoff_;
  std::int64_t retry_ns_ = 0;                      // when to open the next stream
  std::int64_t progress_ns_ = 0;                   // when the stream last got on,
  std::uint64_t progress_ = 0, stream_start_ = 0;  // to where, and where it began
  std::uint32_t looks_ = 0;
  std::string recall_cause_;
  std::uint64_t seen_visits_ = 0;
  // Left by the control thread when it gives the carrying back: what was wrong with a reply, or that there are no more.
  Fault fault_ = Fault::kNone;
  Reply faulty_{};
  bool over_ = false;
  mutable std::mutex error_mutex_;
  std::string error_;
  std::thread thread_;
};

}  // namespace learn_rt::client
