#pragma once

#include <algorithm>
#include <cstdint>
#include <random>

namespace learn_rt::client {

// Pauses between attempts to reconnect: each is drawn from the upper half of a range that doubles, so that clients that
// lost one server together do not come back together.
class Backoff {
 public:
  static constexpr std::int64_t kFirstNs = 10'000'000, kLongestNs = 1'000'000'000;

  // `seed` 0: the system's.
  explicit Backoff(std::uint64_t seed) : random_(seed != 0 ? seed : std::random_device()()) {}

  std::int64_t next() {
    range_ns_ = range_ns_ == 0 ? kFirstNs : std::min(2 * range_ns_, kLongestNs);
    return std::uniform_int_distribution<std::int64_t>(range_ns_ / 2, range_ns_)(random_);
  }
  void reset() { range_ns_ = 0; }

 private:
  std::mt19937_64 random_;
  std::int64_t range_ns_ = 0;
};

}  // namespace learn_rt::client
