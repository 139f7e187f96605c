#include "open_message.h"

#include <algorithm>
#include <limits>

namespace learn_rt::client {
namespace {

v1::Swap as_wire(Swap swap) {
  switch (swap) {
    case Swap::kPinned:
      return v1::SWAP_PINNED;
    case Swap::kNow:
      return v1::SWAP_NOW;
    case Swap::kAtRest:
      return v1::SWAP_AT_REST;
    case Swap::kCrossfade:
      return v1::SWAP_CROSSFADE;
  }
  return v1::SWAP_PINNED;
}

}  // namespace

v1::Open open_message(const Opening& opening) {
  v1::Open message;
  message.set_model(opening.model);
  message.set_version(opening.version);
  message.set_contract_hash(opening.contract_hash);
  message.mutable_rest()->Add(opening.rest.begin(), opening.rest.end());
  message.set_state(opening.state.data(), opening.state.size());
  message.set_state_every(opening.state_every);
  if (opening.swap == Swap::kPinned) return message;
  message.set_swap(as_wire(opening.swap));
  message.set_crossfade_s(static_cast<float>(opening.crossfade_s));
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  message.set_swap_after(static_cast<std::uint32_t>(std::min(opening.swap_after, kMost)));
  return message;
}

}  // namespace learn_rt::client
