#include "state_keeping.h"

#include <algorithm>
#include <cstring>

namespace learn_rt::client {
namespace {

constexpr std::size_t kShare = 64;  // bytes a sample that states may cost on the wire, where they are large
constexpr std::size_t kFrequent = 64, kRare = 4096;  // samples from state to state
constexpr double kOutageS = 30.0;                    // that a stream without a forgetting length outlasts,
constexpr std::size_t kOutageBytes = 16 << 20;       // as long as its samples fit here

}  // namespace

Keeping Keeping::of(const Spec& spec, Swap swap) {
  Keeping keeping;
  keeping.history = replay_length(spec);
  keeping.replayable = spec.kind != Kind::kStateful || spec.forgetting > 0;
  const std::size_t bytes = state_size(spec);
  // A state belongs to one version.
  if (bytes == 0 || bytes > kMostState || swap != Swap::kPinned) return keeping;
  keeping.state_bytes = bytes;
  keeping.state_every = static_cast<std::uint32_t>(std::clamp(bytes / kShare, kFrequent, kRare));
  std::size_t since = keeping.state_every + 2 * max_chunk(spec.n_features());
  if (!keeping.replayable) {
    const std::size_t most = kOutageBytes / (sizeof(float) * spec.n_features());
    since += static_cast<std::size_t>(std::min(kOutageS / spec.dt_s, static_cast<double>(most)));
  }
  keeping.history = std::max(keeping.history, since);
  return keeping;
}

void KeptState::take(const Reply& reply) LEARN_RT_REALTIME {
  if (reply.state_size == 0 || reply.state_size > bytes_.size()) return;
  std::memcpy(bytes_.data(), reply.state, reply.state_size);
  size_ = reply.state_size;
  position_ = reply.sequence;
}

}  // namespace learn_rt::client
