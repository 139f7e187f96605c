#pragma once

#include <cstdint>

namespace learn_rt {

// What is to be known about one answer. The values are on the wire.
enum Flag : std::uint32_t {
  kWarmingUp = 1U << 0,          // the window is not full: the answer is the nominal value
  kOutOfTrainedRange = 1U << 1,  // a signal is outside what training saw
  kLimited = 1U << 2,            // the envelope changed the answer
  kRefused = 1U << 3,            // the sample was not finite or not physical: not taken; the session starts cold again
  kLate = 1U << 4,               // client: the deadline passed, the answer is the policy's
  kDisconnected = 1U << 5,       // client: no stream, the answer is the policy's
  kSwapping = 1U << 8,           // a crossfade: the answer is between those of two versions
  // From here on the client's alone.
  kFault = 1U << 16,     // too many misses in a row: the answers are the policy's until the fault is cleared
  kUnfit = 1U << 17,     // a value of the sample was not fit: the answer is the policy's
  kReplaced = 1U << 18,  // a value of the sample was not fit: another stood in for it
};

// An answer with one of these is the client's policy's, not the model's.
constexpr std::uint32_t kByPolicy = kLate | kDisconnected | kFault | kUnfit;

}  // namespace learn_rt
