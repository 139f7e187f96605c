#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "learn_rt/realtime.h"

namespace learn_rt::record {

// What a row tells of. The values are in files.
enum Kind : std::uint32_t {
  kStep = 0,         // a sample and its answer
  kUnanswered = 1,   // client: a sample that nobody waited for any more while there was no stream
  kFlush = 2,        // an answer to one of the last `preview` ticks; no sample
  kBegin = 3,        // a session began cold; a client's sequence says from which sample on it was fed
  kBeginAtRest = 4,  // the same, at rest: the inputs are the sample that stood
  kHandedOut = 5,    // client: the values that the control thread was given for this sequence
  kGoesOn = 6,       // a session goes on from the state that another was in before this sequence
};

// The fixed part of a row, in memory and in a file, little-endian; inputs and outputs follow, float32.
struct RowHead {
  std::uint64_t sequence = 0;  // of the sample, as its sender counts
  std::int64_t stamp_ns = 0;   // the sender's clock when it was pushed
  std::int64_t at_ns = 0;      // our clock: server, when it came; client, when its answer came
  std::int64_t version = 0;    // of the model; 0: not known
  std::uint32_t took_ns = 0;   // in the server's handler
  std::uint32_t flags = 0;     // Flag bits
  std::uint32_t kind = kStep;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(RowHead) == 48 && std::is_trivially_copyable_v<RowHead>, "the layout is in files");

// Rows copied out of a tape, the oldest first.
struct Snapshot {
  std::vector<std::uint32_t> words;
  std::uint64_t first = 0;      // the number of the first row, from 0 for the first ever written
  std::uint64_t n = 0;          // rows
  std::uint64_t overtaken = 0;  // rows that were written over while they were copied: before `first`
};

// The last `capacity` rows of one stream. One thread writes at a time and never waits: it writes over the oldest row.
// Any thread copies rows out meanwhile, and knows which of them were written over under its hands.
class Tape {
 public:
  Tape(std::size_t capacity, std::size_t n_inputs, std::size_t n_outputs)
      : capacity_(capacity),
        n_inputs_(n_inputs),
        n_outputs_(n_outputs),
        width_(words_of(n_inputs, n_outputs)),
        words_(std::make_unique<std::atomic<std::uint32_t>[]>(capacity * width_)) {
    // Touched once here, so that no page is faulted in on the real-time path.
    for (std::size_t i = 0; i < capacity * width_; ++i) words_[i].store(0, std::memory_order_relaxed);
  }

  std::size_t n_inputs() const LEARN_RT_REALTIME { return n_inputs_; }
  std::size_t n_outputs() const LEARN_RT_REALTIME { return n_outputs_; }
  std::size_t row_bytes() const LEARN_RT_REALTIME { return width_ * sizeof(std::uint32_t); }
  // What a row of this shape takes.
  static std::size_t row_bytes(std::size_t n_inputs, std::size_t n_outputs) LEARN_RT_REALTIME {
    return words_of(n_inputs, n_outputs) * sizeof(std::uint32_t);
  }

  // The writer only. Null inputs or outputs are zeros.
  void write(const RowHead& head, const float* inputs, const float* outputs) LEARN_RT_REALTIME {
    const auto row = begun_.load(std::memory_order_relaxed);
    // Each word is released after this: who reads a word of this row also sees that the row was begun.
    begun_.store(row + 1, std::memory_order_relaxed);
    auto* word = words_.get() + slot_ * width_;
    word = put(word, &head, sizeof head / sizeof(std::uint32_t));
    word = put(word, inputs, n_inputs_);
    put(word, outputs, n_outputs_);
    written_.store(row + 1, std::memory_order_release);
    if (++slot_ == capacity_) slot_ = 0;
  }

  // Any thread.
  std::uint64_t written() const LEARN_RT_REALTIME { return written_.load(std::memory_order_acquire); }

  // Any thread; allocates.
  Snapshot snapshot() const {
    Snapshot taken;
    const auto end = written();
    const auto first = end > capacity_ ? end - capacity_ : 0;
    taken.words.resize(static_cast<std::size_t>(end - first) * width_);
    auto* to = taken.words.data();
    for (auto row = first; row < end; ++row) {
      const auto* from = words_.get() + static_cast<std::size_t>(row % capacity_) * width_;
      for (std::size_t i = 0; i < width_; ++i) *to++ = from[i].load(std::memory_order_acquire);
    }
    const auto begun = begun_.load(std::memory_order_relaxed);
    const auto whole = begun > capacity_ ? begun - capacity_ : 0;  // rows before it were written over
    taken.overtaken = std::min(std::max(whole, first) - first, end - first);
    taken.first = first + taken.overtaken;
    taken.n = end - taken.first;
    taken.words.erase(taken.words.begin(), taken.words.begin() + static_cast<std::ptrdiff_t>(taken.overtaken * width_));
    return taken;
  }

 private:
  using Word = std::atomic<std::uint32_t>;

  // Rows begin at multiples of 8 bytes, as their 64-bit numbers must.
  static std::size_t words_of(std::size_t n_inputs, std::size_t n_outputs) LEARN_RT_REALTIME {
    return sizeof(RowHead) / sizeof(std::uint32_t) + (n_inputs + n_outputs + 1) / 2 * 2;
  }

  static Word* put(Word* to, const void* from, std::size_t n) LEARN_RT_REALTIME {
    for (std::size_t i = 0; i < n; ++i) {
      std::uint32_t word = 0;
      if (from != nullptr) std::memcpy(&word, static_cast<const char*>(from) + i * sizeof word, sizeof word);
      to[i].store(word, std::memory_order_release);
    }
    return to + n;
  }

  const std::size_t capacity_, n_inputs_, n_outputs_, width_;
  const std::unique_ptr<Word[]> words_;
  std::size_t slot_ = 0;  // where the next row goes; the writer's
  alignas(64) std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> written_{0};
};

}  // namespace learn_rt::record
