#include "journal.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace learn_rt::serve {
namespace {

template <std::size_t kSize>
void copy(const std::string& text, std::array<char, kSize>& to) noexcept {
  const std::size_t size = std::min(text.size(), kSize - 1);
  std::copy_n(text.data(), size, to.data());
  to[size] = '\0';
}

}  // namespace

Journal::Journal(std::size_t capacity) : capacity_(capacity), cells_(std::make_unique<Cell[]>(capacity)) {
  if (capacity == 0 || (capacity & (capacity - 1)) != 0) throw std::invalid_argument("capacity must be a power of two");
  for (std::size_t i = 0; i < capacity; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
}

void Journal::opened(const ModelHost& host, const std::string& peer) noexcept {
  Event event;
  event.kind = Event::kOpened;
  event.version = host.version();
  copy(host.name(), event.model);
  copy(peer, event.peer);
  push(event);
}

void Journal::closed(const ModelHost& host, const std::string& peer, std::uint64_t answers,
                     const grpc::Status& status) noexcept {
  Event event;
  event.kind = Event::kClosed;
  event.version = host.version();
  event.answers = answers;
  event.code = status.error_code();
  copy(host.name(), event.model);
  copy(peer, event.peer);
  copy(status.error_message(), event.cause);
  push(event);
}

void Journal::refused(const std::string& peer, const grpc::Status& status) noexcept {
  refusals_.count(status.error_code());
  Event event;
  event.kind = Event::kRefused;
  event.code = status.error_code();
  copy(peer, event.peer);
  copy(status.error_message(), event.cause);
  push(event);
}

void Journal::loaded(const ModelHost& host) noexcept {
  of_version(Event::kLoaded, host.name(), host.version(), host.model().choice());
}

void Journal::unloaded(const ModelHost& host) noexcept {
  of_version(Event::kUnloaded, host.name(), host.version(), "");
}

void Journal::version_refused(const std::string& name, std::int64_t version, const std::string& cause) noexcept {
  of_version(Event::kVersionRefused, name, version, cause);
}

void Journal::swapped(std::int64_t from, const ModelHost& to) noexcept {
  of_version(Event::kSwapped, to.name(), to.version(), "after version " + std::to_string(from));
}

void Journal::version_left_out(const ModelHost& host, const std::string& cause) noexcept {
  of_version(Event::kLeftOut, host.name(), host.version(), cause);
}

void Journal::of_version(Event::Kind kind, const std::string& name, std::int64_t version,
                         const std::string& cause) noexcept {
  Event event;
  event.kind = kind;
  event.version = version;
  copy(name, event.model);
  copy(cause, event.cause);
  push(event);
}

void Journal::push(Event& event) noexcept {
  using std::chrono::system_clock;
  event.at_ms = std::chrono::duration_cast<std::chrono::milliseconds>(system_clock::now().time_since_epoch()).count();
  std::size_t place = tail_.load(std::memory_order_relaxed);
  for (;;) {
    Cell& cell = cells_[place & (capacity_ - 1)];
    const auto ahead = static_cast<std::ptrdiff_t>(cell.turn.load(std::memory_order_acquire) - place);
    if (ahead < 0) {  // not read since the last round
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    if (ahead > 0) {  // another writer was first
      place = tail_.load(std::memory_order_relaxed);
    } else if (tail_.compare_exchange_weak(place, place + 1, std::memory_order_relaxed)) {
      cell.event = event;
      cell.turn.store(place + 1, std::memory_order_release);
      return;
    }
  }
}

std::optional<Event> Journal::try_pop() noexcept {
  Cell& cell = cells_[head_ & (capacity_ - 1)];
  if (cell.turn.load(std::memory_order_acquire) != head_ + 1) return std::nullopt;
  const Event event = cell.event;
  cell.turn.store(head_ + capacity_, std::memory_order_release);
  ++head_;
  return event;
}

}  // namespace learn_rt::serve
