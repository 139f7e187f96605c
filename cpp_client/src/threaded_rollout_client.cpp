#include "threaded_rollout_client.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "address.h"
#include "learn_rt/rollout.h"
#include "quiet_thread.h"

namespace learn_rt::client {
namespace {

using namespace std::chrono_literals;

constexpr auto kCancelAgain = 20ms;

void check(const RolloutClientOptions& options, const Spec& spec) {
  if (!options.contract_hash.empty() && options.contract_hash != spec.contract_hash) {
    throw std::runtime_error("the served model's contract must be " + options.contract_hash + ", it is " +
                             spec.contract_hash);
  }
  if (spec.kind != Kind::kRollout) throw std::runtime_error("the model must be of kind rollout, this answers samples");
  RolloutLimits limits;
  limits.candidates = options.max_candidates;
  limits.horizon = options.max_horizon;
  limits.threads = options.threads;
  limits.check(spec.n_features());
  if (!options.rest.empty() && options.rest.size() != spec.n_features()) {
    throw std::runtime_error("rest must have " + std::to_string(spec.n_features()) + " values, got " +
                             std::to_string(options.rest.size()));
  }
  for (const float value : options.rest) {
    if (!std::isfinite(value)) throw std::runtime_error("rest must be finite");
  }
}

}  // namespace

ThreadedRolloutClient::ThreadedRolloutClient(std::unique_ptr<RolloutLink> link, std::string model, Spec spec,
                                             const RolloutClientOptions& options)
    : link_(std::move(link)),
      model_(std::move(model)),
      spec_(std::move(spec)),
      options_(options),
      history_(spec_),
      backoff_(options.jitter_seed) {
  if (!options.rest.empty()) {
    for (std::size_t i = 0; i < spec_.window; ++i) history_.add(&options.rest[0], &options.rest[spec_.n_outputs()]);
  }
  open_first();
  thread_ = quiet_thread("learn-rollout", [this] { work(); });
}

void ThreadedRolloutClient::open_first() {
  for (;;) {
    try {
      link_->open(model_, spec_.contract_hash, options_);
      open_ = fresh_ = true;
      return;
    } catch (const std::exception&) {
      if (!link_->move_on(false)) throw;
    }
  }
}

ThreadedRolloutClient::~ThreadedRolloutClient() {
  std::unique_lock<std::mutex> lock(mutex_);
  leaving_ = true;
  to_do_.notify_one();
  // Again and again: the I/O thread may be about to begin a call.
  while (!done_.wait_for(lock, kCancelAgain, [this] { return left_; })) link_->cancel();
  lock.unlock();
  thread_.join();
}

void ThreadedRolloutClient::observe(const float* state, const float* action) {
  const std::lock_guard<std::mutex> lock(mutex_);
  history_.add(state, action);
}

RolloutOutcome ThreadedRolloutClient::rollout(const float* actions, std::size_t candidates, std::size_t horizon,
                                              std::chrono::nanoseconds deadline, float* states, std::uint32_t* flags) {
  const auto start = Clock::now();
  if (candidates < 1 || candidates > options_.max_candidates || horizon < 1 || horizon > options_.max_horizon) {
    throw std::invalid_argument("a rollout must have 1 to " + std::to_string(options_.max_candidates) +
                                " candidates and a horizon of 1 to " + std::to_string(options_.max_horizon) +
                                " (max_candidates, max_horizon), got " + std::to_string(candidates) + " and " +
                                std::to_string(horizon));
  }
  // A year is for ever, and does not overflow the clock.
  const auto until = start + std::clamp<std::chrono::nanoseconds>(deadline, 0ns, std::chrono::hours(24 * 365));
  RolloutOutcome outcome;
  std::unique_lock<std::mutex> lock(mutex_);
  if (carrying_ && start - taken_at_ > options_.connect_timeout) link_->cancel();
  outcome.sequence = waiting_.sequence = sequence_++;
  waiting_.actions.assign(actions, actions + candidates * horizon * spec_.n_actions());
  waiting_.candidates = candidates;
  waiting_.horizon = horizon;
  slot_ = Slot::kWaiting;
  to_do_.notify_one();
  done_.wait_until(lock, until, [this] { return slot_ == Slot::kAnswered || slot_ == Slot::kFailed; });
  if (slot_ == Slot::kAnswered) {
    std::copy(answer_.states.begin(), answer_.states.end(), states);
    std::copy(answer_.flags.begin(), answer_.flags.end(), flags);
    outcome.flags = answer_.history_flags;
    for (const std::uint32_t each : answer_.flags) outcome.flags |= each;
    outcome.compute_ns = answer_.compute_ns;
    ++stats_.answered;
  } else {
    outcome.flags = slot_ == Slot::kFailed || !error_.empty() ? kDisconnected : kLate;
    ++stats_.missed;
  }
  slot_ = Slot::kEmpty;  // what comes from now on is late
  outcome.latency_ns = std::chrono::nanoseconds(Clock::now() - start).count();
  return outcome;
}

RolloutStats ThreadedRolloutClient::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

std::string ThreadedRolloutClient::last_error() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return error_;
}

void ThreadedRolloutClient::work() {
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    to_do_.wait(lock, [this] { return leaving_ || slot_ == Slot::kWaiting; });
    if (leaving_) break;
    slot_ = Slot::kUnderWay;
    taken_at_ = Clock::now();
    std::swap(request_, waiting_);
    carrying_ = true;
    lock.unlock();
    const bool carried = carry();
    lock.lock();
    carrying_ = false;
    if (slot_ != Slot::kUnderWay) {  // nobody waits for it any more
      if (carried) ++stats_.late;
      continue;
    }
    if (carried) std::swap(answer_, reply_);
    slot_ = carried ? Slot::kAnswered : Slot::kFailed;
    done_.notify_one();
  }
  left_ = true;
  done_.notify_all();
}

bool ThreadedRolloutClient::carry() {
  if (!open_ && Clock::now() < not_before_) return false;
  for (;;) {
    const bool was_open = open_;
    try {
      if (!open_) reopen();
      std::uint64_t told = 0;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        told = history_.fill(request_, told_, fresh_);
      }
      link_->exchange(request_, reply_);
      check(reply_);
      told_ = told;
      fresh_ = false;
      served_ = true;
      backoff_.reset();
      const std::lock_guard<std::mutex> lock(mutex_);
      error_.clear();
      return true;
    } catch (const std::exception& error) {
      link_->close();
      open_ = false;
      const bool another = link_->move_on(std::exchange(served_, false));
      const std::lock_guard<std::mutex> lock(mutex_);
      error_ = error.what();
      if (leaving_) return false;
      // A stream that was there may have been lost long ago: a new one is tried at once.
      if (another || was_open) continue;
      not_before_ = Clock::now() + std::chrono::nanoseconds(backoff_.next());
      return false;
    }
  }
}

void ThreadedRolloutClient::reopen() {
  link_->open(model_, spec_.contract_hash, options_);
  open_ = fresh_ = true;
  const std::lock_guard<std::mutex> lock(mutex_);
  ++stats_.reconnects;
}

void ThreadedRolloutClient::check(const RolloutReply& reply) const {
  const std::size_t states = request_.candidates * request_.horizon * spec_.n_outputs();
  const auto finite = [](float value) { return std::isfinite(value); };
  if (reply.sequence != request_.sequence || reply.states.size() != states ||
      reply.flags.size() != request_.candidates || !std::all_of(reply.states.begin(), reply.states.end(), finite)) {
    throw std::runtime_error("the server broke the protocol: an answer of another request or size, or not finite");
  }
}

std::unique_ptr<RolloutClient> connect_rollout(std::unique_ptr<RolloutLink> link, const std::string& model,
                                               const RolloutClientOptions& options) {
  Spec spec = link->describe(model, options);
  learn_rt::client::check(options, spec);
  return std::make_unique<ThreadedRolloutClient>(std::move(link), model, std::move(spec), options);
}

}  // namespace learn_rt::client

namespace learn_rt {

std::unique_ptr<RolloutClient> RolloutClient::connect(const std::string& address, const std::string& model,
                                                      const RolloutClientOptions& options) {
  std::vector<std::string> addresses{address};
  addresses.insert(addresses.end(), options.failover.begin(), options.failover.end());
  for (const auto& each : addresses) client::Address::parse(each);  // an error of its own: nothing was tried yet
  try {
    return client::connect_rollout(client::make_rollout_links(addresses, options.security), model, options);
  } catch (const std::exception& error) {
    throw std::runtime_error(address + ", model '" + model + "': " + error.what());
  }
}

}  // namespace learn_rt
