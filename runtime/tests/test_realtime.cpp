// The real-time path does no system call and takes no memory. Not under sanitizers, which do both.

#include <gtest/gtest.h>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "small_model.h"

// glibc's own, under the hooks.
extern "C" void* __libc_malloc(std::size_t size);
extern "C" void __libc_free(void* memory);

namespace {

thread_local bool no_memory = false;

void check_memory() {
  if (no_memory) std::abort();
}

}  // namespace

// NOLINTBEGIN: replacing the allocator is the point
extern "C" void* malloc(std::size_t size) {
  check_memory();
  return __libc_malloc(size);
}
extern "C" void free(void* memory) {
  check_memory();
  __libc_free(memory);
}
// NOLINTEND

namespace learn_rt {
namespace {

using testing::SmallModel;

bool forbid_system_calls() {
  sock_filter allow_exit[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
  };
  const sock_fprog program{4, allow_exit};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Attempt {
  Session* session;
  const float* samples;
  std::size_t n;
  void (*extra)();  // something forbidden, to see that the filter bites
  bool filtered = false;
  bool finished = false;
};

void* run_filtered(void* argument) {
  Attempt& run = *static_cast<Attempt*>(argument);
  float y[SmallModel::kPreview * SmallModel::kOutputs];
  std::uint32_t flags[SmallModel::kPreview];
  run.filtered = forbid_system_calls();
  no_memory = true;
  run.session->begin(run.samples);
  for (std::size_t k = 0; k < run.n; ++k) {
    run.session->step(run.samples + k * SmallModel::kFeatures, y);
    if (k % 3 != 0) run.session->settle();
  }
  run.session->flush(y, flags);
  if (run.extra != nullptr) run.extra();
  run.finished = true;
  no_memory = false;
  syscall(__NR_exit, 0);  // the one call that is allowed: returning would make others
  return nullptr;
}

Attempt run_in_filtered_thread(void (*extra)()) {
  SmallModel model;
  model.write(R"(, "envelope": {"value": 0.05, "rate": 1.0, "second": 50.0})");
  const auto session = model.load()->open();
  auto samples = SmallModel::walk(1000);
  samples[500 * SmallModel::kFeatures] = NAN;  // a refusal is real-time too
  Attempt run{session.get(), samples.data(), 1000, extra};
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run_filtered, &run) == 0) pthread_join(thread, nullptr);
  return run;
}

TEST(RealTime, StepsAndSettlesWithoutASystemCallOrMemory) {
  const Attempt run = run_in_filtered_thread(nullptr);
  ASSERT_TRUE(run.filtered);
  EXPECT_TRUE(run.finished);
}

TEST(RealTime, TheFilterWouldSeeASystemCall) {
  const Attempt run = run_in_filtered_thread([] { syscall(__NR_getpid); });
  ASSERT_TRUE(run.filtered);
  EXPECT_FALSE(run.finished);
}

TEST(RealTimeDeathTest, TheHookWouldSeeAnAllocation) {
  EXPECT_DEATH(
      {
        no_memory = true;
        static_cast<void>(std::vector<int>(100));
      },
      "");
}

}  // namespace
}  // namespace learn_rt

#endif
