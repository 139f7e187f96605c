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
