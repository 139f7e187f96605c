// The part of the pump that sees when a stream is lost, and opens the next one where it was.

#include <algorithm>
#include <string>

#include "pump.h"

namespace learn_rt::client {

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
  if (!cause.empty()) transport_->direct() ? lose(cause) : lost(cause);
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

}  // namespace learn_rt::client
