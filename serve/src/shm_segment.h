#pragma once

#include <cstddef>
#include <string>

#include "learn_rt/shm/segment.h"

namespace learn_rt::serve {

// A server's own segment: made, mapped, locked, and taken away at the end. Its file can be opened by this user only.
class OwnSegment {
 public:
  // `name`: of shm:NAME. A dead server's segment is replaced. Throws std::runtime_error: the name, another server that
  // lives, or what the operating system says.
  explicit OwnSegment(const std::string& name);
  ~OwnSegment();
  OwnSegment(const OwnSegment&) = delete;
  OwnSegment& operator=(const OwnSegment&) = delete;

  shm::Segment& operator*() noexcept { return *segment_; }
  shm::Segment* operator->() noexcept { return segment_; }

  // Whether a living client has this slot.
  bool taken(std::size_t slot) const noexcept;

 private:
  bool create();
  bool remove_stale() const;

  const std::string address_, file_;
  int fd_ = -1;
  shm::Segment* segment_ = nullptr;
};

}  // namespace learn_rt::serve
