#include "shm_seat.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <thread>

namespace learn_rt::client {
namespace {

constexpr auto kIdleMailbox = std::chrono::seconds(1);  // the doorman looks every 50 ms
constexpr const char* kDied = "the server died";
constexpr auto kNap = std::chrono::microseconds(200);

struct flock one_byte(long at) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

}  // namespace

ShmSeat::ShmSeat(const std::string& name) : address_("shm:" + name) {
  const std::string file = shm::file_name(name);
  try {
    if (file.empty()) throw std::runtime_error("a name is 1 to 64 of A-Z a-z 0-9 . _ -, no dot first");
    map(file);
    take_slot();
  } catch (...) {
    if (segment_ != nullptr) ::munmap(segment_, sizeof(shm::Segment));
    if (fd_ >= 0) ::close(fd_);
    throw;
  }
}

void ShmSeat::map(const std::string& file) {
  fd_ = ::shm_open(file.c_str(), O_RDWR | O_CLOEXEC, 0);
  if (fd_ < 0)
    throw std::runtime_error(errno == ENOENT ? "no server listens there (learn-serve --listen " + address_ + ")"
                                             : std::string("shm_open: ") + std::strerror(errno));
  struct stat found {};
  if (::fstat(fd_, &found) != 0) throw std::runtime_error(std::string("fstat: ") + std::strerror(errno));
  // Anybody may have made a file of this name, and would answer.
  if (found.st_uid != ::geteuid() || (found.st_mode & 077) != 0)
    throw std::runtime_error("the segment is not this user's alone (owner " + std::to_string(found.st_uid) +
                             "): use a Unix socket to reach another user's server");
  if (static_cast<std::size_t>(found.st_size) != sizeof(shm::Segment))
    throw std::runtime_error("the segment has another layout: the server is of another version, or just starts");
  if (!server_lives()) throw std::runtime_error("the server that listened there is dead");
  void* memory = ::mmap(nullptr, sizeof(shm::Segment), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, 0);
  if (memory == MAP_FAILED) throw std::runtime_error(std::string("mmap: ") + std::strerror(errno));
  ::madvise(memory, sizeof(shm::Segment), MADV_DONTFORK);  // two processes in one slot would break each other's rings
  segment_ = static_cast<shm::Segment*>(memory);
  if (segment_->magic.load(std::memory_order_acquire) != shm::kMagic)
    throw std::runtime_error("the segment has another layout: the server is of another version, or just starts");
}

void ShmSeat::take_slot() {
  const auto until = std::chrono::steady_clock::now() + kIdleMailbox;
  for (index_ = 0; index_ < shm::kSlots; ++index_) {
    struct flock lock = one_byte(shm::kSlotLocks + static_cast<long>(index_));
    if (::fcntl(fd_, F_OFD_SETLK, &lock) == 0) break;
  }
  if (index_ == shm::kSlots)
    throw std::runtime_error("all " + std::to_string(shm::kSlots) + " places are taken: use a Unix socket");
  // The client before us may have died in a call: until that is answered, the mailbox is the server's.
  while (!replied() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(kNap);
}

ShmSeat::~ShmSeat() {
  ::munmap(segment_, sizeof(shm::Segment));
  ::close(fd_);  // and with it the lock: the doorman looks every 50 ms
}

void ShmSeat::call(shm::Call call, shm::Wait wait, const std::string& message) {
  shm::Mailbox& mailbox = slot().mailbox;
  if (message.size() > shm::kMailbox) throw std::runtime_error("a call does not fit into the mailbox");
  mailbox.call = call;
  mailbox.wait = wait;
  mailbox.size = static_cast<std::uint32_t>(message.size());
  std::memcpy(mailbox.bytes, message.data(), message.size());
  mailbox.calls.fetch_add(1, std::memory_order_release);
  segment_->doorman.ring();
}

bool ShmSeat::replied() const noexcept {
  const shm::Mailbox& mailbox = segment_->slots[index_].mailbox;
  return mailbox.answered.load(std::memory_order_acquire) == mailbox.calls.load(std::memory_order_relaxed);
}

ShmSeat::Reply ShmSeat::reply() const {
  const shm::Mailbox& mailbox = segment_->slots[index_].mailbox;
  const std::size_t size = std::min<std::size_t>(mailbox.size, shm::kMailbox);
  return {mailbox.code, std::string(reinterpret_cast<const char*>(mailbox.bytes), size)};
}

ShmSeat::Reply ShmSeat::ask(shm::Call what, const std::string& message, std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  call(what, shm::kSleep, message);
  while (!replied()) {
    if (!server_lives()) throw std::runtime_error(kDied);
    if (std::chrono::steady_clock::now() > until)
      throw std::runtime_error("no answer within " + std::to_string(timeout.count()) + " ms");
    std::this_thread::sleep_for(kNap);
  }
  return reply();
}

std::string ShmSeat::gone() const {
  const bool lives = server_lives();  // looked at first: what it said before it went is its cause
  const shm::Mailbox& mailbox = segment_->slots[index_].mailbox;
  if (mailbox.ended.load(std::memory_order_acquire) == 0) return lives ? "" : kDied;
  const Reply cause = reply();
  return cause.message.empty() ? "the server ended the stream" : cause.message;
}

bool ShmSeat::server_lives() const noexcept {
  struct flock lock = one_byte(shm::kServerLock);
  return ::fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace learn_rt::client
