#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gate.h"
#include "repository.h"
#include "shm_segment.h"
#include "shm_stream.h"

namespace learn_rt::serve {

// learn_rt.v1.Predictor over shared memory: the segment, and the doorman who answers what clients put into their
// mailboxes, opens and ends their streams, and notices when a client is dead.
class ShmFrontend {
 public:
  // Serves when it returns. Throws std::runtime_error: why there can be no segment.
  ShmFrontend(const std::string& name, std::shared_ptr<const Repository> repository, Gate& gate);
  ~ShmFrontend();
  ShmFrontend(const ShmFrontend&) = delete;
  ShmFrontend& operator=(const ShmFrontend&) = delete;

 private:
  struct Seat {
    std::shared_ptr<ShmStream> stream;  // none: not open
    std::uint32_t answered = 0;         // calls
  };

  void run();
  bool look_at(std::size_t i);
  void answer(std::size_t i);
  grpc::Status perform(std::size_t i, std::uint32_t call, std::uint32_t wait, const std::string& asked,
                       std::string* said);
  grpc::Status open(std::size_t i, std::uint32_t wait, const std::string& asked, std::string* said);
  void leave(std::size_t i);
  std::string peer(std::size_t i) const;  // for the log

  const std::string name_;
  OwnSegment segment_;
  const std::shared_ptr<const Repository> repository_;
  Gate& gate_;
  std::vector<Seat> seats_;
  std::atomic<bool> stop_{false};
  std::thread doorman_;
};

}  // namespace learn_rt::serve
