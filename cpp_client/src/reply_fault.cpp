#include "reply_fault.h"

#include <algorithm>
#include <cmath>

namespace learn_rt::client {

Fault fault_of(const Reply& reply, const Asked& asked) LEARN_RT_REALTIME {
  if (reply.sequence < asked.sequence) return Fault::kDuplicate;
  if (!asked.any) return Fault::kUnasked;
  if (reply.sequence != asked.sequence) return Fault::kSequence;
  if (reply.stamp_ns != asked.stamp_ns) return Fault::kStamp;
  if (reply.n_predictions != asked.n * asked.n_outputs || (reply.n_flags != 0 && reply.n_flags != asked.n))
    return Fault::kSizes;
  const bool finite =
      std::all_of(reply.predictions, reply.predictions + reply.n_predictions, [](float v) { return std::isfinite(v); });
  return finite ? Fault::kNone : Fault::kNotFinite;
}

std::string text_of(Fault fault, const Reply& reply, const Asked& asked) {
  const std::string broke = "the server broke the protocol: ";
  switch (fault) {
    case Fault::kDuplicate:
      return broke + "another answer to sample " + std::to_string(reply.sequence);
    case Fault::kUnasked:
      return broke + "an answer that nobody asked for";
    case Fault::kSequence:
      return broke + "an answer to sample " + std::to_string(reply.sequence) + ", expected " +
             std::to_string(asked.sequence);
    case Fault::kStamp:
      return broke + "an answer with another sample's stamp";
    case Fault::kSizes:
      return broke + std::to_string(reply.n_predictions) + " values and " + std::to_string(reply.n_flags) +
             " flags for " + std::to_string(asked.n) + " samples of " + std::to_string(asked.n_outputs) + " outputs";
    case Fault::kNotFinite:
      return broke + "an answer that is not finite";
    case Fault::kNone:
      break;
  }
  return {};
}

}  // namespace learn_rt::client
