#pragma once

#include <atomic>
#include <stdexcept>

namespace learn_rt {

inline constexpr const char* kOneThread = "a session is one thread's: open one for each thread";

// Holds an object of one thread at a time for one call; while the GIL is given away another thread could come in.
class Turn {
 public:
  // Throws std::runtime_error with `cause` when it is held.
  Turn(std::atomic<bool>& busy, const char* cause) : busy_(busy) {
    if (busy_.exchange(true, std::memory_order_acquire)) throw std::runtime_error(cause);
  }
  ~Turn() { busy_.store(false, std::memory_order_release); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::atomic<bool>& busy_;
};

}  // namespace learn_rt
