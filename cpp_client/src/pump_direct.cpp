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
  recall_cause_.clear();
  fault_ = Fault::kNone;
  over_ = false;
  carrier_.store(Carrier::kControl, std::memory_order_release);
  control_.ring();  // it may sleep where we would wake it
}

// While the control thread carries: looks whether the stream is still there, and whether the control thread is.
void Pump::mind() {
  bell_.wait([this] { return stop_.load(std::memory_order_acquire) || !direct(); }, now_ns() + kLookNs);
  if (stop_.load(std::memory_order_acquire)) return;
  if (!direct()) {  // given back
    if (recall_.load(std::memory_order_relaxed)) return lose(recall_cause_);
    return lost(over_ ? transport_->gone() : text_of(fault_, faulty_, asked()));
  }
  if (recall_cause_.empty()) recall_cause_ = transport_->gone();
  if (recall_cause_.empty()) recall_cause_ = stalled();
  if (!recall_cause_.empty() && !recall_.load(std::memory_order_relaxed)) {
    {
      const std::lock_guard lock(error_mutex_);
      error_ = recall_cause_;
    }
    up_.store(false, std::memory_order_release);
    recall_.store(true, std::memory_order_release);
    transport_->interrupt();
  }
  if (take_over() && recall_.load(std::memory_order_relaxed)) lose(recall_cause_);
}

// After the last answers, which may have come since anyone looked.
void Pump::lose(const std::string& cause) {
  static_cast<void>(transport_->poll());
  lost(cause);
}

// Takes the carrying from a control thread that is elsewhere: for good when it is wanted, else for one look, because
// the peer may ask something of a connection that nobody attends to.
bool Pump::take_over() {
  const auto visits = visits_.load(std::memory_order_relaxed);
  const bool absent = visits == seen_visits_;
  seen_visits_ = visits;
  auto elsewhere = Carrier::kControl;
  return (absent || recall_.load(std::memory_order_relaxed)) &&
         carrier_.compare_exchange_strong(elsewhere, Carrier::kIo, std::memory_order_acq_rel);
}

// Control thread: whether it may call the transport, until leave().
bool Pump::enter() LEARN_RT_REALTIME {
  auto ours = Carrier::kControl;
  return carrier_.compare_exchange_strong(ours, Carrier::kInside, std::memory_order_acq_rel);
}

void Pump::leave() LEARN_RT_REALTIME {
  const bool wanted = recall_.load(std::memory_order_acquire);
  if (!wanted && !over_ && fault_ == Fault::kNone) return carrier_.store(Carrier::kControl, std::memory_order_release);
  carrier_.store(Carrier::kIo, std::memory_order_release);
  if (!spin_) bell_.ring();
}

void Pump::send_all() LEARN_RT_REALTIME {
  while (const std::size_t n = sendable()) send(n);
}

void Pump::take_all() LEARN_RT_REALTIME {
  over_ = !transport_->poll();
  if (!over_ && fault_ == Fault::kNone) send_all();
}

void Pump::wake() LEARN_RT_REALTIME {
  if (enter()) {
    send_all();
    if (transport_->room() == 0) take_all();
    leave();
  } else if (!spin_) {
    bell_.ring();
  }
}

void Pump::carry() LEARN_RT_REALTIME {
  if (!enter()) return;
  visits_.store(visits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  take_all();
  leave();
}

void Pump::rehearse() LEARN_RT_REALTIME {
  if (!enter()) return;
  transport_->rehearse();
  leave();
}

bool Pump::sleep(std::int64_t until_ns) LEARN_RT_REALTIME {
  if (!enter()) return false;
  visits_.store(visits_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  transport_->wait(until_ns);
  leave();
  return true;
}

}  // namespace learn_rt::client
