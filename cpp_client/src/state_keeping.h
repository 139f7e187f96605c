#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "learn_rt/spec.h"
#include "transport.h"

namespace learn_rt::client {

// What a client keeps of a stream, so that the next one can go on where it was lost.
struct Keeping {
  static constexpr std::size_t kMostState = 256 * 1024;  // bytes: the protocol's bound

  std::size_t history = 0;        // samples before the oldest one that is owed an answer
  std::size_t state_bytes = 0;    // of the session; 0: the samples make the session again, or it has too large a state
  std::uint32_t state_every = 0;  // samples from state to state
  bool replayable = true;         // samples alone make the session again

  static Keeping of(const Spec& spec, Swap swap);
};

// The last state of the session that the server told. One thread at a time.
class KeptState {
 public:
  explicit KeptState(std::size_t most) : bytes_(most) {}

  // Keeps the state that came with a reply; one that cannot be the model's is left out.
  void take(const Reply& reply) LEARN_RT_REALTIME;
  void forget() noexcept { size_ = 0; }
  bool any() const noexcept { return size_ != 0; }
  std::uint64_t position() const noexcept { return position_; }  // of the first sample that it has not taken
  std::vector<char> copy() const { return {bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(size_)}; }

 private:
  std::vector<char> bytes_;
  std::size_t size_ = 0;
  std::uint64_t position_ = 0;
};

}  // namespace learn_rt::client
