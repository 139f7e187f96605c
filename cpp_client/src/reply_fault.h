#pragma once

#include <cstdint>
#include <string>

#include "learn_rt/realtime.h"
#include "transport.h"

namespace learn_rt::client {

// What can be wrong with a reply.
enum class Fault { kNone, kDuplicate, kUnasked, kSequence, kStamp, kSizes, kNotFinite };

// What was asked: the oldest chunk without an answer.
struct Asked {
  bool any;                // false: every chunk was answered
  std::uint64_t sequence;  // earlier ones were answered
  std::int64_t stamp_ns;
  std::size_t n, n_outputs;
};

// Nothing from a server is used before this was asked.
Fault fault_of(const Reply& reply, const Asked& asked) LEARN_RT_REALTIME;

// The same in words. Not for the control thread.
std::string text_of(Fault fault, const Reply& reply, const Asked& asked);

}  // namespace learn_rt::client
