// The part of the pump for direct transports, over which the control thread carries samples and answers itself.

#include "pump.h"

namespace learn_rt::client {

// Whether the stream is where the control thread is, so that it can carry without doing our work.
bool Pump::caught_up() {
  return link_.load(std::memory_order_relaxed) == Link::kOpen &&
         sent_.load(std::memory_order_relaxed) == samples_.end() &&
         received_.load(std::memory_order_relaxed) == sent_.load(std::memory_order_relaxed);
}

void Pump::hand_over() {
  recall_.store(false, std::memory_order_relaxed);
  direct_.store(true, std::memory_order_release);
  control_.ring();  // it may sleep where we would wake it
}

// While the control thread carries: looks whether the stream is still there.
void Pump::mind() {
  bell_.wait([this] { return stop_.load(std::memory_order_acquire) || !direct(); }, now_ns() + kLookNs);
  if (stop_.load(std::memory_order_acquire)) return;
  if (!direct()) {  // given back
    lost(recall_.load(std::memory_order_relaxed) ? recall_cause_ : text_of(fault_, faulty_, asked()));
    return;
  }
  if (recall_.load(std::memory_order_relaxed)) return;
  recall_cause_ = transport_->gone();
  if (recall_cause_.empty()) recall_cause_ = stalled();
  if (recall_cause_.empty()) return;
  {
    const std::lock_guard lock(error_mutex_);
    error_ = recall_cause_;
  }
  up_.store(false, std::memory_order_release);
  recall_.store(true, std::memory_order_release);
}

void Pump::carry() LEARN_RT_REALTIME {
  if (recall_.load(std::memory_order_acquire)) return give_back();
  transport_->poll();
  if (!direct()) return;  // what came was no answer: the I/O thread says what is wrong with it
  while (const std::size_t n = sendable()) send(n);
}

void Pump::give_back() LEARN_RT_REALTIME {
  direct_.store(false, std::memory_order_release);
  if (!spin_) bell_.ring();
}

}  // namespace learn_rt::client
