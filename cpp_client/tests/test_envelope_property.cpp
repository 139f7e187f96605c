// Whatever a peer answers, loses, doubles, overtakes, swaps, restarts or makes up, and whatever the samples hold: what
// is handed out stays inside the envelope. The bounds are checked by themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "reference.h"
#include "stream_client.h"
#include "transport.h"

namespace learn_rt::client {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  bool one_in(unsigned n) { return random_() % n == 0; }
  std::size_t below(std::size_t n) { return random_() % n; }
  float wild() {
    static constexpr float kWild[] = {kNan, kInf, -kInf, 3e38F, -3e38F, 1e-42F, -0.0F, 1e6F, 2.0F, -2.0F};
    return kWild[below(std::size(kWild))];
  }

 private:
  std::mt19937_64 random_;
};

// Answers as the reference does, most of the time.
class ChaoticTransport final : public Transport {
 public:
  explicit ChaoticTransport(std::uint64_t seed) : dice_(seed) {}

  Spec describe(const std::string&, const std::string&, std::chrono::milliseconds) override { return reference_spec(); }
  void open(const Opening& opening, Receiver& receiver) override {
    if (++opened_ > 2 && dice_.one_in(4)) throw std::runtime_error("refused");
    receiver_ = &receiver;
    session_.begin(opening.rest);
    version_ = static_cast<float>(dice_.below(3));
    held_.clear();
    receiver.opened(1);
    calm_ = opening.rest.empty() ? 0 : 20;  // the rest sample is answered
  }
  std::size_t room() noexcept override { return receiver_ != nullptr ? kAnyNumber : 0; }
  void close() noexcept override { receiver_ = nullptr; }

  void send(const Chunk& chunk) override {
    Answered answered{std::vector<float>(2 * chunk.n), std::vector<std::uint32_t>(chunk.n)};
    for (std::size_t i = 0; i < chunk.n; ++i) {
      answered.flags[i] = session_.step(chunk.samples + 2 * i, &answered.values[2 * i]);
      // Another version answers something else from one sample to the next, and keeps to no envelope.
      for (std::size_t j = 0; j < 2; ++j) answered.values[2 * i + j] *= 1.0F - version_;
    }
    held_.push_back({chunk.sequence, chunk.stamp_ns, std::move(answered)});
    if (calm_ > 0) {
      --calm_;
    } else {
      if (dice_.one_in(40)) version_ = static_cast<float>(dice_.below(9)) - 4.0F;
      if (dice_.one_in(6)) return;  // late: comes with the next one, or never
      if (dice_.one_in(50)) held_.pop_front();
      if (dice_.one_in(50)) std::shuffle(held_.begin(), held_.end(), std::minstd_rand(opened_));
      if (dice_.one_in(60)) throw std::runtime_error("broken pipe");
    }
    while (!held_.empty() && receiver_ != nullptr) give();
    if (calm_ == 0 && dice_.one_in(80) && receiver_ != nullptr) receiver_->lost("restarted");
  }

 private:
  struct Held {
    std::uint64_t sequence;
    std::int64_t stamp_ns;
    Answered answered;
  };

  void give() {
    Held held = std::move(held_.front());
    held_.pop_front();
    Reply reply{held.sequence,
                held.stamp_ns,
                held.answered.values.data(),
                held.answered.values.size(),
                held.answered.flags.data(),
                held.answered.flags.size(),
                1000,
                1};
    if (calm_ == 0) {
      if (dice_.one_in(30)) held.answered.values[dice_.below(held.answered.values.size())] = dice_.wild();
      if (dice_.one_in(30)) held.answered.flags[0] = ~0U;
      if (dice_.one_in(60)) reply.sequence += dice_.below(5) - 2;
      if (dice_.one_in(150)) ++reply.stamp_ns;
      if (dice_.one_in(150)) --reply.n_predictions;
    }
    do {
      receiver_->answered(reply);
    } while (dice_.one_in(20));
  }

  Dice dice_;
  ReferenceSession session_;
  Receiver* receiver_ = nullptr;
  std::deque<Held> held_;
  float version_ = 0.0F;
  int calm_ = 0;
  unsigned opened_ = 0;
};

OnInput any_action(Dice& dice) {
  return std::vector<OnInput>{OnInput::kPass, OnInput::kHold, OnInput::kMiss}[dice.below(3)];
}

ClientOptions any_options(Dice& dice) {
  ClientOptions options;
  options.wait = dice.one_in(2) ? Wait::kSpin : Wait::kSleep;
  options.on_miss = std::vector<OnMiss>{OnMiss::kHold, OnMiss::kZero, OnMiss::kNominal}[dice.below(3)];
  options.fault_after = std::vector<std::size_t>{0, 1, 3}[dice.below(3)];
  options.capacity = dice.one_in(2) ? 16 : 1024;
  options.lead_s = dice.one_in(3) ? 0.02 : 0.0;
  options.connect_timeout = std::chrono::milliseconds(200);
  options.jitter_seed = 1 + dice.below(1000);
  if (dice.one_in(2)) options.rest = {0.3F, 1.0F};
  InputPolicy policy;
  policy.not_finite = any_action(dice);
  policy.out_of_range = any_action(dice);
  policy.hold_s = dice.one_in(2) ? 0.01 : 0.0;
  options.inputs = {policy};
  options.envelope = {{"q", {2.0, 80.0, 20000.0}}};
  if (dice.one_in(2)) options.envelope.push_back({"p", {0.8, 30.0, 4000.0}});
  return options;
}

// What was handed out so far, output by output, and its bounds.
class Watch {
 public:
  Watch(const ClientOptions& options, const float* standing) {
    const Spec spec = reference_spec();
    for (const auto& envelope : envelopes_of(spec, options.envelope)) bounds_.push_back(*envelope);
    dt_s_ = spec.dt_s;
    last_.assign(standing, standing + 2);
    step_.assign(2, 0.0);
  }

  void see(const Prediction& prediction, int call) {
    for (std::size_t i = 0; i < 2; ++i) {
      const double value = prediction.values[i], step = value - last_[i];
      ASSERT_LE(std::abs(value), bounds_[i].value) << "output " << i << ", call " << call;
      ASSERT_LE(std::abs(step), bounds_[i].rate * dt_s_) << "output " << i << ", call " << call;
      ASSERT_LE(std::abs(step - step_[i]), bounds_[i].second * dt_s_ * dt_s_) << "output " << i << ", call " << call;
      last_[i] = value;
      step_[i] = step;
    }
  }

 private:
  std::vector<Envelope> bounds_;
  double dt_s_ = 0.0;
  std::vector<double> last_, step_;
};

struct Totals {
  std::uint64_t answered = 0, missed = 0, late = 0, duplicated = 0, disordered = 0, garbled = 0, reconnects = 0,
                replaced = 0, faults = 0;
  void add(const ClientStats& stats) {
    answered += stats.answered;
    missed += stats.missed;
    late += stats.late;
    duplicated += stats.duplicated;
    disordered += stats.disordered;
    garbled += stats.garbled;
    reconnects += stats.reconnects;
    replaced += stats.replaced;
    faults += stats.faults;
  }
  std::uint64_t rarest() const {
    return std::min({late, duplicated, disordered, garbled, reconnects, replaced, faults});
  }
};

void run_through(std::uint64_t seed, Totals& totals) {
  Dice dice(seed);
  const ClientOptions options = any_options(dice);
  const auto client = connect(std::make_unique<ChaoticTransport>(seed + 1), "reference", options);
  Watch watch(options, client->latest().values);
  const auto samples = smooth_path(800);
  std::uint64_t pushed = 0;
  for (int call = 0; call < 800; ++call) {
    float sample[2] = {samples[2 * call], samples[2 * call + 1]};
    if (dice.one_in(25)) sample[dice.below(2)] = dice.wild();
    const float nominal[2] = {dice.wild(), dice.wild()};
    const std::size_t way = dice.below(10);
    if (way < 5) {
      const auto deadline = std::chrono::microseconds(dice.below(400));
      const auto before = client->stats().pushed;
      watch.see(client->predict(sample, deadline, dice.one_in(2) ? nominal : nullptr), call);
      pushed += client->stats().pushed - before;
    } else if (!client->try_push(sample)) {
      continue;
    } else if (++pushed; way < 7) {
      if (pushed > client->lead_ticks()) watch.see(client->latest(), call);
    } else if (way < 9) {
      watch.see(client->due(pushed - 1 - std::min<std::uint64_t>(pushed - 1, dice.below(3)), nominal), call);
    } else {
      Prediction prediction;
      while (client->try_pop(prediction)) watch.see(prediction, call);
    }
    if (testing::Test::HasFatalFailure()) return;
    if (dice.one_in(20)) client->clear_fault();
    // Often enough the stream is waited for: an attempt to open one comes 10 ms after the last.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::milliseconds(dice.one_in(10) ? 100 : 0);
    while (!client->last_error().empty() && std::chrono::steady_clock::now() < patience)
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (dice.one_in(200) && client->flush()) pushed += 3;
  }
  totals.add(client->stats());
}

TEST(Envelope, NoSequenceOfWhatCanGoWrongLeavesIt) {
  Totals totals;
  // On a slow machine it takes more of them until everything has happened.
  for (std::uint64_t seed = 1; seed <= 12 || (seed <= 60 && totals.rarest() <= 20); ++seed) {
    SCOPED_TRACE(seed);
    run_through(seed, totals);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(totals.answered, 200U);
  EXPECT_GT(totals.missed, 200U);
  EXPECT_GT(totals.rarest(), 20U);
}

}  // namespace
}  // namespace learn_rt::client
