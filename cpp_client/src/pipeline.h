#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

#include "learn_rt/client.h"

namespace learn_rt::client {

// What a run reads and writes.
struct Batch {
  const float* samples;  // [n, n_features]
  std::size_t n, n_features, n_outputs;
  std::size_t capacity;  // how far pushing may be ahead of popping
  std::size_t preview;   // answers to ask for after the last sample's; 0: none
  float* answers;        // [n + preview, n_outputs]
  std::uint32_t* flags;  // [n + preview]
};

// Pushes every sample and pops every answer, as fast as they go. Answers to earlier samples that nobody took are
// dropped. `idle` is called now and then while it waits, and may throw. Throws std::runtime_error when nothing moved
// for `patience`.
void run(Client& client, const Batch& batch, std::chrono::nanoseconds patience, const std::function<void()>& idle);

}  // namespace learn_rt::client
