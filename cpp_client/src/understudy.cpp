#include "understudy.h"

namespace learn_rt::client {

void Understudy::open(const Opening& /*opening*/, Receiver& receiver) {
  receiver_ = &receiver;
  receiver.opened(0);
}

void Understudy::send(const Chunk& chunk) {
  sequence_ = chunk.sequence;
  stamp_ns_ = chunk.stamp_ns;
  asked_ = true;
}

bool Understudy::poll() {
  if (!asked_) return true;
  asked_ = false;
  receiver_->answered({sequence_, stamp_ns_, answer_.data(), answer_.size(), &flags_, 1, 0, 0});
  return true;
}

ClientOptions Understudy::options(const ClientOptions& of_stream) {
  ClientOptions options = of_stream;
  options.record.clear();
  options.rest.clear();
  options.lead_s = 0.0;
  options.capacity = 1;
  options.swap = Swap::kNow;  // which keeps no state, nor the samples since
  if (options.on_miss == OnMiss::kFallback) options.on_miss = OnMiss::kHold;
  return options;
}

}  // namespace learn_rt::client
