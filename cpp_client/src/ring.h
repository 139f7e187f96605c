#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>

#include "learn_rt/realtime.h"

namespace learn_rt::client {

// One slot of a ring: a head of fixed layout, and `width` floats behind it.
template <typename Head>
struct Frame {
  Head* head = nullptr;
  float* values = nullptr;
  explicit operator bool() const LEARN_RT_REALTIME { return head != nullptr; }
};

// A lock-free queue of frames from one producer thread to one consumer thread.
//
// A frame keeps its position for ever: the first is 0, the next 1. The consumer may look at every frame that it has not
// released, so the ring is also the memory of what was sent and is not yet answered. No call allocates, locks or enters
// the kernel but the constructor.
template <typename Head>
class FrameRing {
  static_assert(std::is_trivially_copyable_v<Head>, "a head is reused without being constructed or destroyed");
  static_assert(alignof(Head) <= 16, "slots are aligned to 16 bytes");
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "a position must be read and written without a lock");

 public:
  // Rounds `capacity` up to a power of two, so that a position becomes a slot by one AND.
  FrameRing(std::size_t capacity, std::size_t width)
      : capacity_(round_up(capacity)),
        width_(width),
        stride_((sizeof(Head) + width * sizeof(float) + 15) / 16 * 16),
        slots_(static_cast<std::byte*>(::operator new (capacity_* stride_, std::align_val_t{kCacheLine}))) {
    // Touched once here, so that no page is faulted in on the real-time path.
    std::memset(slots_.get(), 0, capacity_ * stride_);
  }
  FrameRing(const FrameRing&) = delete;
  FrameRing& operator=(const FrameRing&) = delete;

  std::size_t capacity() const LEARN_RT_REALTIME { return capacity_; }
  std::size_t width() const LEARN_RT_REALTIME { return width_; }

  // Producer thread only. How many frames can be claimed and published at once, at least.
  [[nodiscard]] std::size_t room() LEARN_RT_REALTIME {
    const auto head = head_.load(std::memory_order_relaxed);
    seen_tail_ = tail_.load(std::memory_order_acquire);
    return capacity_ - static_cast<std::size_t>(head - seen_tail_);
  }

  // Producer thread only. The next frame to fill, or an empty one when the ring is full.
  [[nodiscard]] Frame<Head> try_claim() LEARN_RT_REALTIME {
    const auto head = head_.load(std::memory_order_relaxed);
    if (head - seen_tail_ == capacity_) {
      seen_tail_ = tail_.load(std::memory_order_acquire);
      if (head - seen_tail_ == capacity_) return {};
    }
    return at(head);
  }

  // Producer thread only. Hands the claimed frame over; returns its position.
  std::uint64_t publish() LEARN_RT_REALTIME {
    const auto head = head_.load(std::memory_order_relaxed);
    head_.store(head + 1, std::memory_order_release);
    return head;
  }

  // Consumer thread only. The position after the newest frame that can be read.
  [[nodiscard]] std::uint64_t end() LEARN_RT_REALTIME {
    seen_head_ = head_.load(std::memory_order_acquire);
    return seen_head_;
  }

  // Consumer's side. The position of the oldest frame that is not released.
  [[nodiscard]] std::uint64_t begin() const LEARN_RT_REALTIME { return tail_.load(std::memory_order_relaxed); }

  // Consumer thread only. The oldest frame that is not released, or an empty one.
  [[nodiscard]] Frame<Head> front() LEARN_RT_REALTIME {
    const auto tail = tail_.load(std::memory_order_relaxed);
    if (tail == seen_head_ && tail == end()) return {};
    return at(tail);
  }

  // Whoever knows that `position` is published and not released.
  [[nodiscard]] Frame<Head> at(std::uint64_t position) LEARN_RT_REALTIME {
    auto* slot = slots_.get() + (position & (capacity_ - 1)) * stride_;
    return {reinterpret_cast<Head*>(slot), reinterpret_cast<float*>(slot + sizeof(Head))};
  }

  // Consumer's side, one thread at a time. Gives every frame before `position` back to the producer.
  void release(std::uint64_t position) LEARN_RT_REALTIME { tail_.store(position, std::memory_order_release); }

  // Any thread. Never less than the frames that were held when the call began.
  [[nodiscard]] std::size_t size() const LEARN_RT_REALTIME {
    const auto tail = tail_.load(std::memory_order_acquire);
    return static_cast<std::size_t>(head_.load(std::memory_order_acquire) - tail);
  }

 private:
  static constexpr std::size_t kCacheLine = 64;
  struct Free {
    void operator()(std::byte* slots) const noexcept { ::operator delete (slots, std::align_val_t{kCacheLine}); }
  };
  static constexpr std::size_t round_up(std::size_t n) noexcept {
    std::size_t power = 1;
    while (power < n) power *= 2;
    return power;
  }

  const std::size_t capacity_, width_, stride_;
  const std::unique_ptr<std::byte[], Free> slots_;
  // Each index beside the other side's, as last seen: a line is fetched from the other core only when a side runs out.
  alignas(kCacheLine) std::atomic<std::uint64_t> head_{0};
  std::uint64_t seen_tail_ = 0;
  alignas(kCacheLine) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t seen_head_ = 0;
};

}  // namespace learn_rt::client
