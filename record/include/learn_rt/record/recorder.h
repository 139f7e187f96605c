#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "learn_rt/record/box.h"

namespace learn_rt::record {

struct RecorderOptions {
  std::filesystem::path folder;                    // of the files; made when it is not there
  double seconds = 60.0;                           // kept of each stream, at its sample time
  std::size_t max_bytes = std::size_t{256} << 20;  // memory of all streams together
  std::size_t max_fault_files = 32;                // the oldest of this process goes for the next
};

struct RecorderStats {
  std::uint64_t files = 0;         // written
  std::uint64_t failures = 0;      // files that could not be written
  std::uint64_t not_recorded = 0;  // streams that no memory was left for
  std::string last_error;
};

// Keeps the black boxes of a process and writes them to files: on request, and a second after a fault, on a thread of
// its own, at most one file of a stream in ten seconds. Any thread; no call is real-time.
class Recorder {
 public:
  // Throws std::invalid_argument (an option cannot be) or std::runtime_error (no file can be written there, and why).
  explicit Recorder(RecorderOptions options);
  // Writes what faults still ask for.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // The box of a new stream, of fewer seconds where not all of its memory is left; null when hardly any is.
  std::shared_ptr<Box> open(const Origin& origin, const Spec& spec);
  // The stream is over. Its box stays for `seconds`, as long as its memory is not needed.
  void close(const std::shared_ptr<Box>& box);

  // Writes a file of each stream that said anything; returns their paths. Throws std::runtime_error: the path and the
  // cause.
  std::vector<std::string> dump(const std::string& reason);
  RecorderStats stats() const;

 private:
  struct Kept {
    std::shared_ptr<Box> box;
    std::size_t bytes = 0;
    std::int64_t closed_ns = 0;  // 0: open
    std::uint32_t faults = 0;    // to be written,
    std::int64_t due_ns = 0;     // from when on
    std::int64_t quiet_ns = 0;   // until when no file is written
  };
  struct Due {
    std::shared_ptr<Box> box;
    std::string reason;
  };

  void run();
  std::vector<Due> due(bool all);
  void forget_old(std::int64_t now);
  void write_due(bool all);
  std::string write(const Box& box, const std::string& reason);
  void keep_few(const std::string& path);

  const RecorderOptions options_;
  mutable std::mutex mutex_;  // of what follows; never held while a file is written
  std::condition_variable ring_;
  std::list<Kept> boxes_;  // the oldest first
  std::size_t bytes_ = 0;
  std::deque<std::string> fault_files_;
  RecorderStats stats_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace learn_rt::record
