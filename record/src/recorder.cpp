#include "learn_rt/record/recorder.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <new>
#include <stdexcept>
#include <utility>

#include "file.h"
#include "learn_rt/doorbell.h"

namespace learn_rt::record {
namespace {

namespace fs = std::filesystem;

constexpr auto kLook = std::chrono::milliseconds(50);  // how soon a fault is seen
constexpr std::int64_t kAfterNs = 1'000'000'000;       // what a file shows after its fault
constexpr std::int64_t kPauseNs = 10'000'000'000;      // between two files of one stream
constexpr int kNice = 10;
constexpr double kMaxSeconds = 86'400.0;
constexpr std::size_t kSlack = 256;  // rows that may be written while others are copied
constexpr std::size_t kFewRows = 1024;

constexpr std::array<std::pair<std::uint32_t, const char*>, 4> kReasons{{
    {kLost, "stream lost"},
    {kEnded, "stream ended with an error"},
    {kRefusedSample, "sample refused"},
    {kLatched, "fault latched"},
}};

// Behind whoever else wants this core: a thread begins with the priority of the one that made it, and may have been
// given another one since.
void step_back() {
  sched_param none{};
  ::pthread_setschedparam(::pthread_self(), SCHED_BATCH, &none);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNice);
}

std::string words_for(std::uint32_t faults) {
  std::string words = "fault: ";
  for (const auto& [bit, text] : kReasons) {
    if ((faults & bit) != 0) words += (words.size() > 7 ? ", " : "") + std::string(text);
  }
  return words;
}

// PID-N: no other recorder of the machine says the same, and several may write into one folder.
std::string unique_name() {
  static std::atomic<std::uint64_t> n{0};
  return std::to_string(::getpid()) + "-" + std::to_string(n.fetch_add(1));
}

// MODEL-SIDE-20260131T235959.123Z-PID-N.lrec
std::string name_of(const Origin& origin) {
  const auto ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const std::time_t seconds = static_cast<std::time_t>(ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> stamp{}, whole{};
  std::strftime(stamp.data(), stamp.size(), "%Y%m%dT%H%M%S", &utc);
  std::snprintf(whole.data(), whole.size(), "%s.%03dZ", stamp.data(), static_cast<int>(ms % 1000));
  std::string model = origin.model.substr(0, 64);
  for (char& c : model) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    if (!plain) c = '_';
  }
  return model + "-" + origin.side + "-" + whole.data() + "-" + unique_name() + ".lrec";
}

}  // namespace

Recorder::Recorder(RecorderOptions options) : options_(std::move(options)) {
  if (!(options_.seconds > 0.0 && options_.seconds <= kMaxSeconds))
    throw std::invalid_argument("a recorder must keep more than 0 and at most 86400 seconds, got " +
                                std::to_string(options_.seconds));
  std::error_code error;
  fs::create_directories(options_.folder, error);
  if (error) throw std::runtime_error(options_.folder.string() + " cannot be made: " + error.message());
  // Said now, and not when there is something to tell.
  const fs::path probe = options_.folder / (".probe-" + unique_name());
  write_whole(probe, "");
  fs::remove(probe, error);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "learn-record");
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ring_.notify_all();
  thread_.join();
  write_due(true);
}

std::shared_ptr<Box> Recorder::open(const Origin& origin, const Spec& spec) {
  const double ticks = std::ceil(options_.seconds / spec.dt_s);
  const auto history = replay_length(spec) + kSlack;
  const std::size_t row = Box::bytes(origin, spec, 1) - Box::bytes(origin, spec, 0);
  const auto most = static_cast<double>(options_.max_bytes / row);
  auto rows = static_cast<std::size_t>(std::min(ticks, most)) + history;
  Kept kept;
  {
    const std::lock_guard lock(mutex_);
    const auto needed = Box::bytes(origin, spec, rows);
    for (auto old = boxes_.begin(); old != boxes_.end() && bytes_ + needed > options_.max_bytes;) {
      if (old->closed_ns == 0 || old->faults != 0) {
        ++old;
        continue;
      }
      bytes_ -= old->bytes;
      old = boxes_.erase(old);
    }
    const auto taken = bytes_ + Box::bytes(origin, spec, 0);
    const auto left = (options_.max_bytes - std::min(taken, options_.max_bytes)) / row;
    if (left < std::min(rows, history + kFewRows)) {
      ++stats_.not_recorded;
      return nullptr;
    }
    rows = std::min(rows, left);
    kept.bytes = Box::bytes(origin, spec, rows);
    bytes_ += kept.bytes;
  }
  // Made without the lock: its memory is touched, which takes a while.
  std::shared_ptr<Box> box;
  try {
    box = std::make_shared<Box>(origin, spec, rows);
  } catch (const std::bad_alloc&) {
    const std::lock_guard lock(mutex_);
    bytes_ -= kept.bytes;
    ++stats_.not_recorded;
    return nullptr;
  }
  kept.box = box;
  const std::lock_guard lock(mutex_);
  boxes_.push_back(std::move(kept));
  return box;
}

void Recorder::close(const std::shared_ptr<Box>& box) {
  const std::lock_guard lock(mutex_);
  for (Kept& kept : boxes_) {
    if (kept.box == box) kept.closed_ns = now_ns();
  }
}

std::vector<std::string> Recorder::dump(const std::string& reason) {
  std::vector<std::shared_ptr<Box>> boxes;
  {
    const std::lock_guard lock(mutex_);
    for (const Kept& kept : boxes_) {
      if (!kept.box->empty()) boxes.push_back(kept.box);
    }
  }
  std::vector<std::string> paths;
  for (const auto& box : boxes) paths.push_back(write(*box, reason));
  return paths;
}

RecorderStats Recorder::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Recorder::run() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (ring_.wait_for(lock, kLook, [this] { return stop_; })) return;
    }
    step_back();
    write_due(false);
  }
}

// Which faults are to be written now; `all`: also those whose time has not come.
std::vector<Recorder::Due> Recorder::due(bool all) {
  std::vector<Due> now_due;
  const auto now = now_ns();
  const std::lock_guard lock(mutex_);
  for (Kept& kept : boxes_) {
    if (const auto faults = kept.box->take_faults(); faults != 0 && !kept.box->empty()) {
      if (kept.faults == 0) kept.due_ns = std::max(now + kAfterNs, kept.quiet_ns);
      kept.faults |= faults;
    }
    if (kept.faults == 0 || (now < kept.due_ns && !all)) continue;
    now_due.push_back({kept.box, words_for(kept.faults)});
    kept.faults = 0;
    kept.quiet_ns = now + kPauseNs;
  }
  forget_old(now);
  return now_due;
}

void Recorder::forget_old(std::int64_t now) {
  const auto keep_ns = static_cast<std::int64_t>(options_.seconds * 1e9);
  for (auto kept = boxes_.begin(); kept != boxes_.end();) {
    const bool old = kept->closed_ns != 0 && kept->faults == 0 && now - kept->closed_ns > keep_ns;
    if (old) bytes_ -= kept->bytes;
    kept = old ? boxes_.erase(kept) : std::next(kept);
  }
}

void Recorder::write_due(bool all) {
  for (const Due& one : due(all)) {
    try {
      keep_few(write(*one.box, one.reason));
    } catch (const std::exception&) {  // counted, and the cause is in stats()
    }
  }
}

std::string Recorder::write(const Box& box, const std::string& reason) {
  const fs::path path = options_.folder / name_of(box.origin());
  try {
    write_whole(path, box.file(reason, options_.seconds));
  } catch (const std::exception& error) {
    const std::lock_guard lock(mutex_);
    ++stats_.failures;
    stats_.last_error = error.what();
    throw;
  }
  const std::lock_guard lock(mutex_);
  ++stats_.files;
  return path.string();
}

void Recorder::keep_few(const std::string& path) {
  fault_files_.push_back(path);
  std::error_code ignored;
  for (; fault_files_.size() > options_.max_fault_files; fault_files_.pop_front())
    fs::remove(fault_files_.front(), ignored);
}

}  // namespace learn_rt::record
