#pragma once

#include <grpcpp/support/status.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "stage_histogram.h"

namespace learn_rt::serve {

// How often calls ended with each status code. Any thread.
class CodeCounts {
 public:
  static constexpr std::size_t kCodes = 17;  // gRPC's, OK among them

  void count(grpc::StatusCode code) noexcept {
    const auto i = static_cast<std::size_t>(code);
    counts_[i < kCodes ? i : static_cast<std::size_t>(grpc::StatusCode::UNKNOWN)].fetch_add(1,
                                                                                            std::memory_order_relaxed);
  }
  std::uint64_t of(std::size_t code) const noexcept { return counts_[code].load(std::memory_order_relaxed); }
  std::uint64_t total() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& count : counts_) sum += count.load(std::memory_order_relaxed);
    return sum;
  }

 private:
  std::array<std::atomic<std::uint64_t>, kCodes> counts_{};
};

// What was asked of one served model. Any thread; each figure is exact, the set of them is not one moment's.
struct Counters {
  static constexpr std::size_t kFlags = 4;  // those of flags.h that a server sets

  std::atomic<std::uint64_t> sessions_open{0};               // now
  std::atomic<std::uint64_t> sessions_total{0};              // since the start
  std::atomic<std::uint64_t> requests{0};                    // answered
  CodeCounts failures;                                       // refused or failed
  std::atomic<std::uint64_t> answers{0};                     // samples and windows answered
  std::atomic<std::int64_t> last_ms{0};                      // since 1970
  std::array<std::atomic<std::uint64_t>, kFlags> flagged{};  // answers with each flag, by its bit
  Stages stages;

  // One request was answered, with `count` answers.
  void answered(std::uint64_t count, std::chrono::nanoseconds took) noexcept;
  // Counts the flags of each answer.
  void count_flags(const std::uint32_t* flags, std::size_t n) noexcept;
  void opened() noexcept {
    sessions_open.fetch_add(1, std::memory_order_relaxed);
    sessions_total.fetch_add(1, std::memory_order_relaxed);
  }
  void closed() noexcept { sessions_open.fetch_sub(1, std::memory_order_relaxed); }
};

}  // namespace learn_rt::serve
