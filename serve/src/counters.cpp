#include "counters.h"

namespace learn_rt::serve {

void Counters::answered(std::uint64_t count, std::chrono::nanoseconds took) noexcept {
  using std::chrono::system_clock;
  requests.fetch_add(1, std::memory_order_relaxed);
  answers.fetch_add(count, std::memory_order_relaxed);
  stages.compute.record(took);
  const auto now = system_clock::now().time_since_epoch();
  last_ms.store(std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), std::memory_order_relaxed);
}

void Counters::count_flags(const std::uint32_t* flags, std::size_t n) noexcept {
  std::array<std::uint64_t, kFlags> found{};
  for (std::size_t i = 0; i < n; ++i) {
    if (flags[i] == 0) continue;
    for (std::size_t bit = 0; bit < kFlags; ++bit) found[bit] += flags[i] >> bit & 1U;
  }
  for (std::size_t bit = 0; bit < kFlags; ++bit) {
    if (found[bit] != 0) flagged[bit].fetch_add(found[bit], std::memory_order_relaxed);
  }
}

}  // namespace learn_rt::serve
