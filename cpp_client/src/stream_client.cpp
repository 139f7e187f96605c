#include "stream_client.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "learn_rt/flags.h"

namespace learn_rt::client {
namespace {

constexpr std::int64_t kSpinNs = 5'000;     // an answer that is almost there is not worth a sleep
constexpr std::int64_t kDozeNs = 50'000;    // what a model that dozes over shared memory may take
constexpr std::int64_t kGuardNs = 150'000;  // a sleeper wakes up to this late: timer slack and scheduling

std::unique_ptr<record::Recorder> recorder_of(const ClientOptions& options) {
  if (options.record.empty()) return nullptr;
  record::RecorderOptions recorded;
  recorded.folder = options.record;
  recorded.seconds = options.record_s;
  return std::make_unique<record::Recorder>(recorded);
}

}  // namespace

StreamClient::StreamClient(std::unique_ptr<Transport> transport, const std::string& model, Spec spec,
                           const ClientOptions& options)
    : spec_(std::move(spec)),
      spin_(options.wait == Wait::kSpin),
      doze_(options.wait == Wait::kDoze),
      samples_(options.capacity + replay_length(spec_) + spec_.preview, spec_.n_features()),
      answers_(options.capacity + spec_.preview, spec_.n_outputs()),
      policy_(spec_, options.on_miss),
      recorder_(recorder_of(options)),
      box_(recorder_ ? recorder_->open({"client", model, options.version}, spec_) : nullptr),
      pump_(std::move(transport), spec_, {model, options.version, spec_.contract_hash, options.rest}, options, samples_,
            answers_, bell_, box_.get()) {
  latest_.n_outputs = static_cast<std::uint32_t>(spec_.n_outputs());
  pump_.start();
  if (!options.rest.empty()) rest_on(options);
}

// One more rest sample changes nothing in a window full of them, and its answer is where the outputs stand: from there
// on the server's envelope and ours are one. It also takes the first, slowest round trip out of the control loop.
void StreamClient::rest_on(const ClientOptions& options) {
  Prediction resting;
  const auto deadline_ns = now_ns() + std::chrono::nanoseconds(options.connect_timeout).count();
  push(options.rest.data(), kNever);
  if (!await(resting, deadline_ns)) {
    const auto cause = last_error();
    throw std::runtime_error(cause.empty() ? "no answer to the rest sample within the connect timeout" : cause);
  }
  if (resting.flags & (kRefused | kWarmingUp))
    throw std::runtime_error("rest must be finite and inside range_valid: the model refused it");
  policy_.stand_at(resting.values);
  std::copy_n(resting.values, resting.n_outputs, latest_.values);
  origin_ = wanted_ = next_;
  pushed_ = answered_ = 0;
  ticked_ = false;
}

bool StreamClient::try_push(const float* sample) LEARN_RT_REALTIME { return push(sample, kNever); }

bool StreamClient::push(const float* sample, std::int64_t expires_ns) LEARN_RT_REALTIME {
  const auto frame = samples_.try_claim();
  if (!frame) {
    count(overruns_);
    return false;
  }
  *frame.head = {now_ns(), expires_ns, 0, 0};
  std::copy_n(sample, samples_.width(), frame.values);
  next_ = samples_.publish() + 1;
  ticked_ = true;
  count(pushed_);
  pump_.wake();
  return true;
}

bool StreamClient::flush() LEARN_RT_REALTIME {
  if (next_ == origin_ || samples_.room() < spec_.preview) return false;
  // The definition of the last `preview` answers is that the last sample stands; its slot is ours until it is filled
  // again.
  const float* last = samples_.at(next_ - 1).values;
  for (std::size_t i = 0; i < spec_.preview; ++i) push(last, kNever);
  return true;
}

// Takes the oldest answer that is not late, as the server gave it.
bool StreamClient::take(Prediction& prediction) LEARN_RT_REALTIME {
  if (pump_.direct()) pump_.carry();
  while (const auto frame = answers_.front()) {
    const AnswerHead& head = *frame.head;
    const bool late = head.sequence < wanted_;
    if (!late) {
      prediction.sequence = head.sequence - origin_;
      prediction.flags = head.flags;
      prediction.n_outputs = static_cast<std::uint32_t>(answers_.width());
      prediction.latency_ns = head.arrived_ns - head.pushed_ns;
      prediction.queue_ns = head.queue_ns;
      prediction.compute_ns = head.compute_ns;
      prediction.wire_ns = head.arrived_ns - head.pushed_ns - head.queue_ns - head.compute_ns;
      std::copy_n(frame.values, answers_.width(), prediction.values);
    }
    answers_.release(answers_.begin() + 1);
    pump_.wake();  // it may have waited for room
    count(late ? late_ : answered_);
    if (!late) return true;
  }
  return false;
}

bool StreamClient::try_pop(Prediction& prediction) LEARN_RT_REALTIME {
  if (!take(prediction)) return false;
  policy_.answer(prediction);
  record(prediction);
  ticked_ = false;
  latest_ = prediction;
  return true;
}

const Prediction& StreamClient::latest() LEARN_RT_REALTIME {
  bool fresh = false;
  while (take(latest_)) fresh = true;
  if (fresh) {
    policy_.answer(latest_);
  } else if (ticked_) {
    // A tick without a new answer is a miss like any other: the value must go on inside the envelope.
    miss(pump_.up() ? kLate : kDisconnected, nullptr);
  }
  if (fresh || ticked_) record(latest_);
  ticked_ = false;
  return latest_;
}

Prediction StreamClient::predict(const float* sample, std::chrono::nanoseconds deadline,
                                 const float* nominal) LEARN_RT_REALTIME {
  const auto start = now_ns();
  const auto budget = std::clamp<std::int64_t>(deadline.count(), 0, kNever - start);
  const auto sequence = next_;
  wanted_ = sequence;
  const bool pushed = push(sample, start + budget);
  if (pushed && await(latest_, start + budget)) {
    policy_.answer(latest_);
  } else {
    latest_.sequence = sequence - origin_;
    latest_.queue_ns = latest_.compute_ns = latest_.wire_ns = 0;
    miss(pump_.up() ? kLate : kDisconnected, nominal);
  }
  if (pushed) wanted_ = sequence + 1;
  ticked_ = false;
  latest_.latency_ns = now_ns() - start;
  record(latest_);
  return latest_;
}

// Waits for the answer to the newest sample, the only one that take() still hands out.
bool StreamClient::await(Prediction& prediction, std::int64_t deadline_ns) LEARN_RT_REALTIME {
  if (spin_) return spin_for(prediction, deadline_ns);
  const auto spin_ns = doze_ && pump_.direct() ? kDozeNs : kSpinNs;
  if (spin_for(prediction, std::min(deadline_ns, now_ns() + spin_ns))) return true;
  const auto asleep_until = deadline_ns == kNever ? kNever : deadline_ns - kGuardNs;
  bool taken = false;
  do {
    const bool direct = pump_.direct();
    const auto ready = [&] { return (taken = take(prediction)) || !pump_.up() || pump_.direct() != direct; };
    direct ? pump_.direct_bell().wait(ready, asleep_until) : bell_.wait(ready, asleep_until);
  } while (!taken && pump_.up() && now_ns() < asleep_until);
  return taken || spin_for(prediction, deadline_ns);
}

bool StreamClient::spin_for(Prediction& prediction, std::int64_t until_ns) LEARN_RT_REALTIME {
  for (;;) {
    if (take(prediction)) return true;
    if (!pump_.up() || now_ns() >= until_ns) return take(prediction);
    relax();
  }
}

void StreamClient::miss(std::uint32_t why, const float* nominal) LEARN_RT_REALTIME {
  latest_.flags = why;
  policy_.miss(latest_, nominal);
  count(missed_);
}

void StreamClient::record(const Prediction& given) LEARN_RT_REALTIME {
  if (box_) box_->handed_out(given.sequence + origin_, given.latency_ns, given.flags, given.values);
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
  return {read(pushed_), read(answered_), read(missed_), read(late_), read(overruns_), streams ? streams - 1 : 0};
}

}  // namespace learn_rt::client
