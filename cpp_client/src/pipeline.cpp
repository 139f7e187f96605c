#include "pipeline.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <thread>

namespace learn_rt::client {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kNap = std::chrono::microseconds(50);  // a message of many samples takes longer
constexpr auto kIdleEvery = std::chrono::milliseconds(50);

}  // namespace

void run(Client& client, const Batch& batch, std::chrono::nanoseconds patience, const std::function<void()>& idle) {
  const std::uint64_t first = client.stats().pushed;
  const std::size_t total = batch.n + batch.preview;
  std::size_t pushed = 0, popped = 0;
  bool flushed = batch.preview == 0;
  Prediction prediction;
  auto moved = Clock::now(), called = moved;
  while (popped < total) {
    const std::size_t before = pushed + popped + (flushed ? 1 : 0);
    while (pushed < batch.n && pushed - popped < batch.capacity &&
           client.try_push(batch.samples + pushed * batch.n_features))
      ++pushed;
    if (pushed == batch.n && !flushed) flushed = client.flush();
    while (popped < total && client.try_pop(prediction)) {
      if (prediction.sequence < first) continue;
      std::copy_n(prediction.values, batch.n_outputs, batch.answers + popped * batch.n_outputs);
      batch.flags[popped++] = prediction.flags;
    }
    const auto now = Clock::now();
    if (pushed + popped + (flushed ? 1 : 0) != before) {
      moved = now;
      continue;
    }
    if (now - moved > patience) {
      const std::string cause = client.last_error();
      throw std::runtime_error("no answer to sample " + std::to_string(popped) + " of " + std::to_string(total) +
                               " for " + std::to_string(patience.count() / 1'000'000) + " ms" +
                               (cause.empty() ? "" : ": " + cause));
    }
    if (now - called > kIdleEvery) {
      called = now;
      idle();
    }
    std::this_thread::sleep_for(kNap);
  }
}

}  // namespace learn_rt::client
