#include "stream_client.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "learn_rt/flags.h"
#include "options_check.h"
#include "understudy.h"

namespace learn_rt::client {
namespace {

constexpr std::int64_t kGuardNs = 150'000;  // a sleeper wakes up to this late: timer slack and scheduling

std::unique_ptr<record::Recorder> recorder_of(const ClientOptions& options) {
  if (options.record.empty()) return nullptr;
  record::RecorderOptions recorded;
  recorded.folder = options.record;
  recorded.seconds = options.record_s;
  return std::make_unique<record::Recorder>(recorded);
}

Opening opening_of(const std::string& model, const Spec& spec, const ClientOptions& options) {
  Opening opening{model, options.version, spec.contract_hash, options.rest, options.swap};
  opening.patience = options.connect_timeout;
  if (options.swap == Swap::kCrossfade) opening.crossfade_s = options.crossfade_s;
  return opening;
}

}  // namespace

StreamClient::StreamClient(std::unique_ptr<Transport> transport, const std::string& model, Spec spec,
                           const ClientOptions& options, bool alone)
    : spec_(std::move(spec)),
      spin_(options.wait == Wait::kSpin),
      lead_(lead_of(options, spec_)),
      fault_after_(options.fault_after),
      samples_(options.capacity + lead_ + Keeping::of(spec_, options.swap).history + spec_.preview, spec_.n_features()),
      answers_(options.capacity + lead_ + spec_.preview, spec_.n_outputs()),
      guard_(spec_, options.inputs, options.rest),
      policy_(spec_, options.on_miss, options.envelope),
      recorder_(recorder_of(options)),
      box_(recorder_ ? recorder_->open({"client", model, options.version}, spec_) : nullptr),
      values_(spec_.n_outputs()),
      pump_(std::move(transport), spec_, opening_of(model, spec_, options), options, samples_, answers_, bell_,
            box_.get()) {
  if (options.on_miss == OnMiss::kFallback)
    fallback_.emplace(Fallback::load(options.fallback_model, spec_), options.rest, samples_.capacity());
  latest_.n_outputs = static_cast<std::uint32_t>(values_.size());
  latest_.values = values_.data();
  policy_.hold(values_.data(), latest_.flags);
  if (alone) {
    pump_.start_alone();
    return;
  }
  understudy_ = std::make_unique<StreamClient>(std::make_unique<Understudy>(spec_), model, spec_,
                                               Understudy::options(options), true);
  pump_.start();
  if (!options.rest.empty()) rest_on(options);
}

// One more rest sample changes nothing in a window full of them, and its answer is where the outputs stand: from there
// on the server's envelope and ours are one. It also takes the first, slowest round trip out of the control loop.
void StreamClient::rest_on(const ClientOptions& options) {
  const auto deadline_ns = now_ns() + std::chrono::nanoseconds(options.connect_timeout).count();
  const auto position = next_;
  push(options.rest.data());
  if (!await(position, deadline_ns)) {
    const auto cause = last_error();
    throw std::runtime_error(cause.empty() ? "no answer to the rest sample within the connect timeout" : cause);
  }
  if (latest_.flags & (kRefused | kWarmingUp))
    throw std::runtime_error("rest must be finite and inside range_valid: the model refused it");
  latest_.version = 0;
  policy_.stand_at(values_.data());
  policy_.hold(values_.data(), latest_.flags);
  origin_ = next_;
  want(next_);
  pushed_ = answered_ = 0;
  ticked_ = false;
}

bool StreamClient::push(const float* sample) LEARN_RT_REALTIME {
  const auto frame = samples_.try_claim();
  if (!frame) {
    count(overruns_);
    if (fallback_) fallback_->take(next_, sample);
    return false;
  }
  pushed(frame.values, guard_.pass(sample, frame.values));
  return true;
}

// Hands over the sample that was written to the claimed frame.
void StreamClient::pushed(const float* sample, std::uint32_t flags) LEARN_RT_REALTIME {
  const auto frame = samples_.try_claim();
  *frame.head = {now_ns(), 0, 0, flags};
  next_ = samples_.publish() + 1;
  ticked_ = true;
  count(pushed_);
  if (flags & kReplaced) count(replaced_);
  pump_.wake();
  if (fallback_) fallback_->take(next_ - 1, sample);
}

bool StreamClient::flush() LEARN_RT_REALTIME {
  if (next_ == origin_ || samples_.room() < spec_.preview) return false;
  // The definition of the last `preview` answers is that the last sample stands; its slot is ours until it is filled
  // again.
  const float* last = samples_.at(next_ - 1).values;
  for (std::size_t i = 0; i < spec_.preview; ++i) {
    const auto frame = samples_.try_claim();
    std::copy_n(last, samples_.width(), frame.values);
    pushed(frame.values, 0);
  }
  return true;
}

// Nobody waits any more for answers to earlier samples.
void StreamClient::want(std::uint64_t position) LEARN_RT_REALTIME {
  wanted_ = position;
  pump_.want(position);
}

// Takes the oldest answer that is not late, as the server gave it, unless it is to a sample after `newest`.
bool StreamClient::take(std::uint64_t newest) LEARN_RT_REALTIME {
  if (pump_.direct()) pump_.carry();
  while (const auto frame = answers_.front()) {
    const AnswerHead& head = *frame.head;
    if (head.sequence > newest) return false;
    const bool late = head.sequence < wanted_;
    if (!late) {
      latest_.sequence = head.sequence - origin_;
      latest_.flags = head.flags;
      latest_.version = head.version;
      latest_.latency_ns = head.arrived_ns - head.pushed_ns;
      latest_.queue_ns = head.queue_ns;
      latest_.compute_ns = head.compute_ns;
      latest_.wire_ns = head.arrived_ns - head.pushed_ns - head.queue_ns - head.compute_ns;
      std::copy_n(frame.values, answers_.width(), values_.data());
    }
    answers_.release(answers_.begin() + 1);
    pump_.wake();  // it may have waited for room
    count(late ? late_ : answered_);
    if (!late) return true;
  }
  return false;
}

bool StreamClient::try_pop(Prediction& prediction) LEARN_RT_REALTIME {
  if (!take(kAny)) return false;
  hand_out(nullptr);
  prediction = recorded();
  return true;
}

const Prediction& StreamClient::latest() LEARN_RT_REALTIME {
  if (next_ - origin_ <= lead_ && lead_ > 0) return latest_;  // nothing is due yet
  const auto newest = lead_ > 0 ? next_ - 1 - lead_ : kAny;
  bool fresh = false;
  while (take(newest)) fresh = true;
  if (!fresh && !ticked_) return latest_;
  // A tick without a new answer is a miss like any other: the value must go on inside the envelope.
  fresh ? hand_out(nullptr) : hand_out_instead(lead_ > 0 ? newest : next_ - 1, nullptr);
  return recorded();
}

const Prediction& StreamClient::due(std::uint64_t sequence, const float* nominal) LEARN_RT_REALTIME {
  const auto position = origin_ + sequence;
  want(std::min(position, next_));
  take(position) ? hand_out(nominal) : hand_out_instead(position, nominal);
  want(std::min(position + 1, next_));
  return recorded();
}

Prediction StreamClient::predict(const float* sample, std::chrono::nanoseconds deadline,
                                 const float* nominal) LEARN_RT_REALTIME {
  const auto start = now_ns();
  const auto budget = std::clamp<std::int64_t>(deadline.count(), 0, kNever - start);
  const bool filling = next_ - origin_ < lead_;
  const auto position = next_ - (filling ? 0 : lead_);
  if (!filling) want(position);
  const bool is_pushed = push(sample);
  if (filling) {
    latest_.flags = kWarmingUp;
    latest_.version = 0;
    policy_.hold(values_.data(), latest_.flags);
  } else {
    // Where there is nothing to wait for, what came meanwhile is still to be taken out.
    const bool waits = !fault() && (is_pushed || lead_ > 0);
    const bool there = waits ? await(position, start + budget) : take(position);
    there ? hand_out(nominal) : hand_out_instead(position, nominal);
  }
  if (!filling) want(std::min(position + 1, next_));
  ticked_ = false;
  latest_.latency_ns = now_ns() - start;
  return filling ? latest_ : recorded();
}

// Waits for the answer to this sample; take() hands out none before it.
bool StreamClient::await(std::uint64_t position, std::int64_t deadline_ns) LEARN_RT_REALTIME {
  if (spin_) return spin_for(position, deadline_ns);
  const auto polls_ns = pump_.polls_ns();
  if (polls_ns > 0 && spin_for(position, std::min(deadline_ns, now_ns() + polls_ns))) return true;
  const auto asleep_until = deadline_ns == kNever ? kNever : deadline_ns - kGuardNs;
  bool taken = false;
  while (!taken && pump_.up() && now_ns() < asleep_until) {
    if (pump_.sleep(asleep_until)) {
      taken = take(position);
    } else {
      bell_.wait([&] { return (taken = take(position)) || !pump_.up() || pump_.direct(); }, asleep_until);
    }
  }
  return taken || spin_for(position, deadline_ns);
}

bool StreamClient::spin_for(std::uint64_t position, std::int64_t until_ns) LEARN_RT_REALTIME {
  for (;;) {
    if (take(position)) return true;
    if (!pump_.up() || now_ns() >= until_ns) return take(position);
    relax();
  }
}

// Hands out the answer that was taken, or the policy's where that must not count.
void StreamClient::hand_out(const float* nominal) LEARN_RT_REALTIME {
  const std::uint32_t why = (latest_.flags & kUnfit) | (fault() ? +kFault : 0U);
  if (why != 0) return miss(origin_ + latest_.sequence, why | (latest_.flags & kReplaced), nominal);
  policy_.answer(values_.data(), latest_.flags);
  misses_in_a_row_ = 0;
  ticked_ = false;
}

// Hands out what stands in for the answer to this sample, which is not there.
void StreamClient::hand_out_instead(std::uint64_t position, const float* nominal) LEARN_RT_REALTIME {
  latest_.sequence = position - origin_;
  latest_.latency_ns = latest_.queue_ns = latest_.compute_ns = latest_.wire_ns = 0;
  const std::uint32_t why = pump_.up() ? +kLate : +kDisconnected;
  miss(position, fault() ? kFault | (why & kDisconnected) : why, nominal);
}

void StreamClient::miss(std::uint64_t position, std::uint32_t why, const float* nominal) LEARN_RT_REALTIME {
  latest_.flags = why;
  latest_.version = 0;
  policy_.miss(values_.data(), latest_.flags, fallback_ ? fallback_->at(position) : nominal);
  count(missed_);
  ticked_ = false;
  if (++misses_in_a_row_ != fault_after_ || fault()) return;
  fault_.store(true, std::memory_order_relaxed);
  count(faults_);
  if (box_) box_->fault(record::kLatched);
}

void StreamClient::clear_fault() LEARN_RT_REALTIME {
  fault_.store(false, std::memory_order_relaxed);
  misses_in_a_row_ = 0;
}

// The code is rehearsed by one who acts the same, on the last sample; what it reads and writes here is fetched.
void StreamClient::rehearse() LEARN_RT_REALTIME {
  if (next_ > 0) understudy_->predict(samples_.at(next_ - 1).values, std::chrono::nanoseconds(0), nullptr);
  const auto* const self = reinterpret_cast<const char*>(this);
  for (std::size_t i = 0; i < sizeof *this; i += 64) __builtin_prefetch(self + i);  // a read would race the I/O thread
  pump_.rehearse();
}

// What is handed out now, put on record.
const Prediction& StreamClient::recorded() LEARN_RT_REALTIME {
  if (box_)
    box_->handed_out(latest_.sequence + origin_, latest_.latency_ns, latest_.version, latest_.flags, latest_.values);
  return latest_;
}

std::string StreamClient::dump(const std::string& reason) {
  if (!box_) throw std::runtime_error("nothing is recorded: connect with record=, a folder for the files");
  const auto paths = recorder_->dump(reason);
  if (paths.empty()) throw std::runtime_error("nothing was said yet that could be written");
  return paths.front();
}

ClientStats StreamClient::stats() const noexcept {
  const auto read = [](const Counter& counter) { return counter.load(std::memory_order_relaxed); };
  const auto streams = pump_.streams();
  const Irregular irregular = pump_.irregular();
  ClientStats stats{};
  stats.pushed = read(pushed_);
  stats.answered = read(answered_);
  stats.missed = read(missed_);
  stats.late = read(late_);
  stats.overruns = read(overruns_);
  stats.reconnects = streams ? streams - 1 : 0;
  stats.duplicated = irregular.duplicated;
  stats.disordered = irregular.disordered;
  stats.garbled = irregular.garbled;
  stats.replaced = read(replaced_);
  stats.faults = read(faults_);
  return stats;
}

}  // namespace learn_rt::client
