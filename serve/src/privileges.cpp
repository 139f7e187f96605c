#include "privileges.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <set>

namespace learn_rt::serve {
namespace {

std::string limit_of(__rlimit_resource resource) {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0) return "unknown";
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur);
}

}  // namespace

std::string lock_memory() {
  // On fault: the stacks of all threads whole would be hundreds of megabytes that nobody touches.
  if (::mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0) return "";
  const int cause = errno;
  return std::string("memory is not locked: ") + std::strerror(cause) + "; RLIMIT_MEMLOCK is " +
         limit_of(RLIMIT_MEMLOCK) + " bytes (systemd: LimitMEMLOCK=infinity)";
}

std::string run_realtime(int priority) {
  sched_param wanted{};
  wanted.sched_priority = priority;
  std::set<pid_t> done{::gettid()};
  for (std::size_t before = 0; before != done.size();) {  // until a look finds no new thread
    before = done.size();
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      const pid_t thread = std::stoi(task.path().filename());
      if (!done.insert(thread).second) continue;
      if (::sched_setscheduler(thread, SCHED_FIFO, &wanted) == 0 || errno == ESRCH) continue;
      const int cause = errno;
      return "no real-time priority " + std::to_string(priority) + ": " + std::strerror(cause) + "; RLIMIT_RTPRIO is " +
             limit_of(RLIMIT_RTPRIO) + " (systemd: LimitRTPRIO=" + std::to_string(priority) + ")";
    }
  }
  return "";
}

void yield_to_others() noexcept {
  constexpr int kNicest = 19;
  sched_param none{};
  ::sched_setscheduler(::gettid(), SCHED_BATCH, &none);
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNicest);  // of this thread alone, on Linux
}

}  // namespace learn_rt::serve
