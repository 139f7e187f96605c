#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "learn_rt/doorbell.h"
#include "learn_rt/realtime.h"

namespace learn_rt::shm {

// What both ends of a ring see of each other. Positions count records from 0 and never wrap in practice.
struct RingState {
  alignas(64) std::atomic<std::uint64_t> head{0};  // producer: records published
  alignas(64) std::atomic<std::uint64_t> tail{0};  // consumer: records taken
  SharedDoorbell bell;                             // the consumer sleeps here
};

// How a ring of `bytes` is cut into records of a head and `values` floats.
struct Cut {
  std::size_t stride = 0, capacity = 0;  // bytes of a record; records, a power of two; 0: none fits

  Cut(std::size_t bytes, std::size_t head, std::size_t values) {
    stride = (head + values * sizeof(float) + 15) / 16 * 16;
    if (stride > bytes) return;
    for (capacity = 1; capacity * 2 * stride <= bytes;) capacity *= 2;
  }
};

// The end that writes, of one thread. Its own position is its own, whatever the memory says.
template <typename Head, std::size_t kBytes>
class Producer {
 public:
  Producer(RingState& state, unsigned char* bytes, std::size_t values)
      : state_(state), bytes_(bytes), values_(values), cut_(kBytes, sizeof(Head), values) {}

  std::size_t capacity() const LEARN_RT_REALTIME { return cut_.capacity; }

  // How many records can be written now. A tail that cannot be counts as no room.
  std::size_t room() LEARN_RT_REALTIME {
    const auto used = head_ - state_.tail.load(std::memory_order_acquire);
    return used <= cut_.capacity ? cut_.capacity - static_cast<std::size_t>(used) : 0;
  }
  // Writes the i-th record after the published ones; there must be room for it.
  void write(std::size_t i, const Head& head, const float* values) LEARN_RT_REALTIME {
    auto* record = bytes_ + ((head_ + i) & (cut_.capacity - 1)) * cut_.stride;
    std::memcpy(record, &head, sizeof head);
    std::memcpy(record + sizeof head, values, values_ * sizeof(float));
  }
  // Brings the place of the next record to this core, to be written.
  void prefetch() const LEARN_RT_REALTIME {
    const auto* record = bytes_ + (head_ & (cut_.capacity - 1)) * cut_.stride;
    for (std::size_t i = 0; i < cut_.stride; i += 64) __builtin_prefetch(record + i, 1);
  }
  // Hands n records over, and wakes the consumer when it sleeps.
  void publish(std::size_t n) LEARN_RT_REALTIME {
    head_ += n;
    state_.head.store(head_, std::memory_order_release);
    state_.bell.ring();
  }

 private:
  RingState& state_;
  unsigned char* const bytes_;
  const std::size_t values_;
  const Cut cut_;
  std::uint64_t head_ = 0;
};

// The end that reads, of one thread.
template <typename Head, std::size_t kBytes>
class Consumer {
 public:
  Consumer(RingState& state, const unsigned char* bytes, std::size_t values)
      : state_(state), bytes_(bytes), values_(values), cut_(kBytes, sizeof(Head), values) {}

  std::size_t capacity() const LEARN_RT_REALTIME { return cut_.capacity; }

  // Records to take; more than capacity(): the other side is broken.
  std::uint64_t waiting() const LEARN_RT_REALTIME { return state_.head.load(std::memory_order_acquire) - tail_; }
  // Copies the oldest record and gives its place back; waiting() must have been 1 to capacity().
  void take(Head& head, float* values) LEARN_RT_REALTIME {
    const auto* record = bytes_ + (tail_ & (cut_.capacity - 1)) * cut_.stride;
    std::memcpy(&head, record, sizeof head);
    std::memcpy(values, record + sizeof head, values_ * sizeof(float));
    state_.tail.store(++tail_, std::memory_order_release);
  }
  SharedDoorbell& bell() LEARN_RT_REALTIME { return state_.bell; }

 private:
  RingState& state_;
  const unsigned char* const bytes_;
  const std::size_t values_;
  const Cut cut_;
  std::uint64_t tail_ = 0;
};

}  // namespace learn_rt::shm
