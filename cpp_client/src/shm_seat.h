#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "learn_rt/shm/segment.h"

namespace learn_rt::client {

// A slot in a server's segment, ours while this lives. One thread, but for gone().
class ShmSeat {
 public:
  // Takes a free slot of shm:NAME. Throws std::runtime_error: no such server, another layout, or every slot is taken.
  explicit ShmSeat(const std::string& name);
  ~ShmSeat();
  ShmSeat(const ShmSeat&) = delete;
  ShmSeat& operator=(const ShmSeat&) = delete;

  struct Reply {
    std::uint32_t code;   // gRPC's status code
    std::string message;  // bytes of the answer, or the status' text
  };

  // Puts a call into the mailbox; replied() tells when the answer is there. The last call must have been answered.
  void call(shm::Call call, shm::Wait wait, const std::string& message);
  bool replied() const noexcept;
  Reply reply() const;
  // call(), and the wait for its answer. Throws std::runtime_error: none came in time, or the server died.
  Reply ask(shm::Call call, const std::string& message, std::chrono::milliseconds timeout);

  // Any thread.
  bool server_lives() const noexcept;
  // Why the stream is over, or empty. Any thread.
  std::string gone() const;

  shm::Slot& slot() noexcept { return segment_->slots[index_]; }

 private:
  void map(const std::string& file);
  void take_slot();

  const std::string address_;
  int fd_ = -1;
  shm::Segment* segment_ = nullptr;
  std::size_t index_ = 0;
};

}  // namespace learn_rt::client
