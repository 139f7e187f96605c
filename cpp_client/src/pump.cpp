#include "pump.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "learn_rt/flags.h"
#include "quiet_thread.h"

namespace learn_rt::client {
namespace {

constexpr auto kNap = std::chrono::microseconds(50);  // between two looks at a direct transport
constexpr std::uint32_t kServerFlags = ~(kByPolicy | kReplaced);

}  // namespace

Pump::Pump(std::unique_ptr<Transport> transport, const Spec& spec, Opening opening, const ClientOptions& options,
           SampleRing& samples, AnswerRing& answers, Doorbell& control, record::Box* box)
    : transport_(std::move(transport)),
      opening_(std::move(opening)),
      pinned_(opening_.swap == Swap::kPinned),
      spin_(options.wait == Wait::kSpin),
      keeping_(Keeping::of(spec, opening_.swap)),
      io_cpu_(options.io_cpu),
      patience_ns_(std::chrono::nanoseconds(options.connect_timeout).count()),
      n_features_(spec.n_features()),
      n_outputs_(spec.n_outputs()),
      max_chunk_(max_chunk(n_features_)),
      samples_(samples),
      answers_(answers),
      control_(control),
      box_(box),
      state_(keeping_.state_bytes),
      chunk_(max_chunk_ * n_features_),
      backoff_(options.jitter_seed) {}

Pump::~Pump() {
  stop_.store(true, std::memory_order_release);
  bell_.ring();
  if (thread_.joinable()) thread_.join();
}

void Pump::start() {
  thread_ = quiet_thread("learn-io", [this] { run(); });
  if (io_cpu_ >= 0) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (io_cpu_ < CPU_SETSIZE) CPU_SET(io_cpu_, &cpus);
    if (const int error = pthread_setaffinity_np(thread_.native_handle(), sizeof cpus, &cpus))
      throw std::runtime_error("io_cpu " + std::to_string(io_cpu_) +
                               ": the I/O thread cannot run there: " + std::strerror(error));
  }
  control_.wait([this] { return up() || refused_.load(std::memory_order_acquire); }, kNever);
  if (!up()) throw std::runtime_error(last_error());
}

void Pump::start_alone() {
  open();
  hand_over();
}

std::string Pump::last_error() const {
  const std::lock_guard lock(error_mutex_);
  return error_;
}

void Pump::run() {
  std::uint32_t idle = 0;
  while (!stop_.load(std::memory_order_acquire)) {
    if (direct()) {
      mind();
      continue;
    }
    if ((spin_ || transport_->direct()) && !transport_->poll()) lost(transport_->gone());
    watch();
    if (link_.load(std::memory_order_acquire) == Link::kLost) give_up();
    if (link_.load(std::memory_order_acquire) == Link::kDown) {
      forget_unwanted();
      if (now_ns() >= retry_ns_) open();
    }
    if (const std::size_t n = sendable()) {
      send(n);
    } else if (transport_->direct() && link_.load(std::memory_order_acquire) != Link::kDown) {
      caught_up() ? hand_over() : std::this_thread::sleep_for(kNap);
    } else if (spin_ && !transport_->direct()) {
      // Where the two threads have to share a core, the control thread must not wait for the end of our time slice.
      if (++idle % 64 == 0) std::this_thread::yield();
    } else {
      const auto link = link_.load(std::memory_order_acquire);
      bell_.wait(
          [&] {
            return stop_.load(std::memory_order_acquire) || link_.load(std::memory_order_acquire) != link ||
                   sendable() > 0;
          },
          next_look());
    }
  }
  transport_->close();
}

std::int64_t Pump::next_look() const {
  const bool idle = link_.load(std::memory_order_acquire) == Link::kOpen &&
                    received_.load(std::memory_order_acquire) == sent_.load(std::memory_order_relaxed);
  return idle ? kNever : now_ns() + kLookNs;
}

void Pump::open() {
  const auto owed = owed_.load(std::memory_order_relaxed), begin = samples_.begin();
  const bool has_states = transport_->carries_states();
  from_state_ = has_states && can_go_on();
  stream_start_ =
      from_state_ ? state_.position() : std::max(begin, owed > keeping_.history ? owed - keeping_.history : 0);
  sent_.store(stream_start_, std::memory_order_relaxed);
  received_.store(stream_start_, std::memory_order_relaxed);
  under_way_.store(0, std::memory_order_relaxed);
  progress_ = stream_start_;
  progress_ns_ = now_ns();
  Opening opening = opening_;
  // What stood before the stream began counts only where the replay reaches back to there.
  if (stream_start_ > 0) opening.rest.clear();
  if (const auto version = first_version_.load(std::memory_order_relaxed); pinned_ && version != 0)
    opening.version = std::to_string(version);
  // What is replayed is not recorded: two answers that are stand before another version's, whose envelope goes on from
  // them.
  opening.swap_after = owed - stream_start_ + 2;
  if (has_states) opening.state_every = keeping_.state_every;
  if (from_state_) {
    opening.state = state_.copy();
    opening.rest.clear();
  }
  link_.store(Link::kOpening, std::memory_order_release);
  if (!keeping_.replayable && !from_state_ && begin > 0)
    return lost("UNAVAILABLE: the stream can go on only from a state, and has none that can be given to " +
                transport_->endpoint());
  try {
    transport_->open(opening, *this);
  } catch (const std::exception& error) {
    lost(error.what());
  }
}

void Pump::watch() {
  std::string cause;
  if (transport_->direct() && link_.load(std::memory_order_relaxed) != Link::kDown) cause = transport_->gone();
  if (cause.empty()) cause = stalled();
  if (!cause.empty()) lost(cause);
}

// A stream that stands still is as good as lost: the peer may be gone without a word. Returns what it waits for.
std::string Pump::stalled() {
  const auto link = link_.load(std::memory_order_acquire);
  if (link != Link::kOpening && link != Link::kOpen) return {};
  const auto received = received_.load(std::memory_order_acquire);
  const bool waiting = link == Link::kOpening || received < sent_.load(std::memory_order_acquire);
  if (spin_ && !direct() && waiting && received == progress_ && (++looks_ & 0xFF) != 0) return {};
  const auto now = now_ns();
  if (!waiting || received != progress_) {
    progress_ = received;
    progress_ns_ = now;
  } else if (now - progress_ns_ > patience_ns_) {
    const auto ms = std::to_string(patience_ns_ / 1'000'000) + " ms";
    return link == Link::kOpening ? "the stream did not open within " + ms
                                  : "no answer to sample " + std::to_string(received) + " within " + ms;
  }
  return {};
}

void Pump::give_up() {
  transport_->close();
  const bool served = received_.load(std::memory_order_relaxed) > stream_start_;
  if (served) backoff_.reset();
  const bool another = transport_->move_on(served);
  retry_ns_ = now_ns() + (another ? 0 : backoff_.next());
  if (!another && !refused_.exchange(true, std::memory_order_acq_rel)) control_.ring();
  if (const auto version = first_version_.load(std::memory_order_relaxed); pinned_ && version != 0) {
    const std::lock_guard lock(error_mutex_);
    if (error_.rfind("NOT_FOUND", 0) == 0)
      error_ += "; the stream is pinned to version " + std::to_string(version) +
                ", with which it began: serve that one, or connect anew (with swap to go on with others)";
  }
  if (keeping_.replayable && from_state_ && !served) {
    const std::lock_guard lock(error_mutex_);
    if (error_.rfind("INVALID_ARGUMENT", 0) == 0) state_.forget();  // this server's files are others
  }
  if (!keeping_.replayable && samples_.begin() > 0 && !can_go_on()) {
    const std::lock_guard lock(error_mutex_);
    error_ += "; the stream is not continued: the model states no forgetting length to replay, and ";
    error_ += state_.any() ? "more samples came since its last state than are kept" : "no state of it was told";
    retry_ns_ = kNever;
  }
  link_.store(Link::kDown, std::memory_order_release);
}

// Whether a new stream can begin with the state: all samples since are there.
bool Pump::can_go_on() const { return state_.any() && state_.position() >= samples_.begin(); }

void Pump::release_old() LEARN_RT_REALTIME {
  const auto owed = owed_.load(std::memory_order_relaxed);
  if (owed > samples_.begin() + keeping_.history) samples_.release(owed - keeping_.history);
}

// While there is no stream: samples for whose answers nobody waits any more are only to be remembered.
void Pump::forget_unwanted() {
  auto owed = owed_.load(std::memory_order_relaxed);
  for (const auto wanted = wanted_.load(std::memory_order_acquire); owed < wanted; ++owed) {
    const auto sample = samples_.at(owed);
    if (box_ != nullptr) box_->unanswered(owed, sample.head->stamp_ns, sample.values);
  }
  owed_.store(owed, std::memory_order_release);
  release_old();
}

// How many samples can go into one message now.
std::size_t Pump::sendable() {
  const std::size_t transport_room = link_.load(std::memory_order_acquire) == Link::kOpen ? transport_->room() : 0;
  if (transport_room == 0 || under_way_.load(std::memory_order_acquire) == kUnderWay) return 0;
  const auto sent = sent_.load(std::memory_order_relaxed);
  // In this order: an answer that arrives in between is counted twice, never missed.
  const auto owed = owed_.load(std::memory_order_acquire);
  const std::size_t held = answers_.size() + (sent > owed ? sent - owed : 0);
  const std::size_t room =
      (owed > sent ? owed - sent : 0) + (answers_.capacity() - std::min(held, answers_.capacity()));
  return std::min({static_cast<std::size_t>(samples_.end() - sent), room, max_chunk_, transport_room});
}

void Pump::send(std::size_t n) {
  const auto first = sent_.load(std::memory_order_relaxed);
  const auto now = now_ns();
  for (std::size_t i = 0; i < n; ++i) {
    const auto frame = samples_.at(first + i);
    frame.head->taken_ns = now;
    std::copy_n(frame.values, n_features_, chunk_.data() + i * n_features_);
  }
  SampleHead& head = *samples_.at(first).head;
  head.chunk = n;
  // Before it goes out: the answer may be quicker than the call.
  under_way_.fetch_add(1, std::memory_order_relaxed);
  sent_.store(first + n, std::memory_order_release);
  try {
    transport_->send({first, head.stamp_ns, chunk_.data(), n, n_features_});
  } catch (const std::exception& error) {
    lost(error.what());
  }
}

void Pump::opened(std::int64_t version) noexcept {
  auto opening = Link::kOpening;
  if (link_.load(std::memory_order_acquire) != opening) return;
  std::int64_t none = 0;
  first_version_.compare_exchange_strong(none, version, std::memory_order_relaxed);
  answered_by_ = version;
  if (box_ != nullptr) {
    const bool rests = stream_start_ == 0 && !opening_.rest.empty();
    from_state_ ? box_->go_on(stream_start_, version)
                : box_->begin(stream_start_, version, rests ? opening_.rest.data() : nullptr);
  }
  if (!link_.compare_exchange_strong(opening, Link::kOpen)) return;
  {
    const std::lock_guard lock(error_mutex_);
    error_.clear();
  }
  streams_.fetch_add(1, std::memory_order_relaxed);
  up_.store(true, std::memory_order_release);
  bell_.ring();
  control_.ring();
}

void Pump::writable() noexcept {
  if (!spin_) bell_.ring();
}

void Pump::lost(const std::string& cause) noexcept {
  const auto link = link_.load(std::memory_order_acquire);
  if (link == Link::kLost) return;  // the first cause is the cause
  {
    const std::lock_guard lock(error_mutex_);
    error_ = cause;
  }
  if (box_ != nullptr) {
    box_->note("lost", cause);
    if (link == Link::kOpen) box_->fault(record::kLost);
  }
  up_.store(false, std::memory_order_release);
  link_.store(Link::kLost, std::memory_order_release);
  bell_.ring();
  control_.ring();
}

void Pump::answered(const Reply& reply) noexcept {
  if (link_.load(std::memory_order_acquire) != Link::kOpen || fault_ != Fault::kNone) return;
  if (const Fault found = fault_of(reply, asked()); found != Fault::kNone) {
    count(found);
    if (found == Fault::kDuplicate) return;
    if (!direct()) return lost(text_of(found, reply, asked()));
    fault_ = found;  // putting it into words is not for the control thread
    faulty_ = reply;
    return;
  }
  deliver(reply);
  const bool held_back = under_way_.fetch_sub(1, std::memory_order_release) == kUnderWay;
  if (spin_ || direct()) return;
  control_.ring();
  if (held_back) bell_.ring();
}

Asked Pump::asked() LEARN_RT_REALTIME {
  const auto expected = received_.load(std::memory_order_relaxed);
  if (expected == sent_.load(std::memory_order_acquire)) return {false, expected, 0, 0, n_outputs_};
  const SampleHead& head = *samples_.at(expected).head;
  return {true, expected, head.stamp_ns, static_cast<std::size_t>(head.chunk), n_outputs_};
}

void Pump::count(Fault fault) LEARN_RT_REALTIME {
  auto& counter = fault == Fault::kDuplicate ? duplicated_ : fault == Fault::kSequence ? disordered_ : garbled_;
  counter.fetch_add(1, std::memory_order_relaxed);
}

Irregular Pump::irregular() const noexcept {
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return {read(duplicated_), read(disordered_), read(garbled_)};
}

void Pump::deliver(const Reply& reply) {
  const auto now = now_ns();
  const auto first = received_.load(std::memory_order_relaxed);
  const auto n = samples_.at(first).head->chunk;
  state_.take(reply);
  auto owed = owed_.load(std::memory_order_relaxed);
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto position = first + i;
    if (position < owed) continue;  // a replay's
    const SampleHead& sample = *samples_.at(position).head;
    const std::uint32_t flags = reply.n_flags ? reply.flags[i] & kServerFlags : 0;
    const std::int64_t version = reply.version_of(i);
    if (box_ != nullptr && version != answered_by_) box_->answered_by(version);
    answered_by_ = version;
    const auto frame = answers_.try_claim();  // never empty: sendable() left room
    *frame.head = {
        position, sample.flags | flags, sample.stamp_ns, now, sample.taken_ns - sample.stamp_ns, reply.compute_ns,
        version};
    std::copy_n(reply.predictions + i * n_outputs_, n_outputs_, frame.values);
    if (box_ != nullptr) {
      box_->step(position, sample.stamp_ns, now, reply.compute_ns, flags, samples_.at(position).values, frame.values);
    }
    answers_.publish();
    owed = position + 1;
  }
  owed_.store(owed, std::memory_order_release);
  received_.store(first + n, std::memory_order_release);
  release_old();
}

}  // namespace learn_rt::client
