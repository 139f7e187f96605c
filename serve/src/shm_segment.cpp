#include "shm_segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>

namespace learn_rt::serve {
namespace {

constexpr int kAttempts = 8;  // each but the last lost a race with another server that starts

struct flock one_byte(long at) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = at;
  lock.l_len = 1;
  return lock;
}

bool lock_server(int fd) {
  struct flock lock = one_byte(shm::kServerLock);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

class File {
 public:
  explicit File(int number) : fd(number) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

}  // namespace

OwnSegment::OwnSegment(const std::string& name) : address_("shm:" + name), file_(shm::file_name(name)) {
  if (file_.empty()) throw std::runtime_error(address_ + ": a name is 1 to 64 of A-Z a-z 0-9 . _ -, no dot first");
  for (int i = 0; !create(); ++i) {
    if (!remove_stale()) throw std::runtime_error(address_ + ": another process listens there");
    if (i == kAttempts) throw std::runtime_error(address_ + ": other servers start there at this moment");
  }
}

// False when the name is taken.
bool OwnSegment::create() {
  const auto fail = [&](const char* what) {
    const std::string cause = std::strerror(errno);
    if (fd_ >= 0) {
      ::close(fd_);
      ::shm_unlink(file_.c_str());
    }
    throw std::runtime_error("cannot listen on " + address_ + ": " + what + ": " + cause);
  };
  fd_ = ::shm_open(file_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    if (errno == EEXIST) return false;
    fail("shm_open");
  }
  if (::fchmod(fd_, 0600) != 0) fail("fchmod");
  // Between these two calls another server can find it without an owner, and take it away: then it is not ours.
  struct stat ours {
  }, there{};
  const bool locked = lock_server(fd_);
  const File found(::shm_open(file_.c_str(), O_RDWR | O_CLOEXEC, 0));
  if (!locked || found.fd < 0 || ::fstat(fd_, &ours) != 0 || ::fstat(found.fd, &there) != 0 ||
      ours.st_ino != there.st_ino) {
    ::close(fd_);
    fd_ = -1;
    return false;
  }
  // Memory that is only promised would end the process when it cannot be had.
  errno = ::posix_fallocate(fd_, 0, sizeof(shm::Segment));
  if (errno != 0) fail("no memory for the segment");
  void* memory = ::mmap(nullptr, sizeof(shm::Segment), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, 0);
  if (memory == MAP_FAILED) fail("mmap");
  ::madvise(memory, sizeof(shm::Segment), MADV_DONTFORK);
  segment_ = new (memory) shm::Segment;
  segment_->magic.store(shm::kMagic, std::memory_order_release);
  return true;
}

// Takes the name from a segment that nobody owns. False when somebody does.
bool OwnSegment::remove_stale() const {
  const File found(::shm_open(file_.c_str(), O_RDWR | O_CLOEXEC, 0));
  if (found.fd < 0 && errno == ENOENT) return true;  // it has just gone
  struct stat whose {};
  const bool theirs = found.fd < 0 ? errno == EACCES : ::fstat(found.fd, &whose) == 0 && whose.st_uid != ::geteuid();
  if (theirs) throw std::runtime_error(address_ + ": /dev/shm" + file_ + " is another user's: take another name");
  if (found.fd < 0) return false;
  if (!lock_server(found.fd)) return false;
  // While we have this lock nobody else can take the name away, so what has it now is what we remove.
  const File now(::shm_open(file_.c_str(), O_RDWR | O_CLOEXEC, 0));
  struct stat locked {
  }, there{};
  if (now.fd >= 0 && ::fstat(found.fd, &locked) == 0 && ::fstat(now.fd, &there) == 0 && locked.st_ino == there.st_ino)
    ::shm_unlink(file_.c_str());
  return true;
}

bool OwnSegment::taken(std::size_t slot) const noexcept {
  struct flock lock = one_byte(shm::kSlotLocks + static_cast<long>(slot));
  return ::fcntl(fd_, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

OwnSegment::~OwnSegment() {
  ::shm_unlink(file_.c_str());
  ::munmap(segment_, sizeof(shm::Segment));
  ::close(fd_);  // and with it the lock: clients see that we are gone
}

}  // namespace learn_rt::serve
