// What the other tests of the real-time path rest on: each forbidden thing is seen.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "forbidden.h"

namespace learn_rt {
namespace {

using testing::what_ends;

class Forbidden : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!testing::kCanForbid) GTEST_SKIP() << "a sanitizer takes memory and makes system calls itself";
  }
};

struct alignas(64) Line {
  char bytes[64];
};

// Where a compiler cannot see through: it may leave out memory that nobody looks at.
void* volatile kept;

TEST_F(Forbidden, NothingEndsArithmetic) {
  volatile double sum = 0.0;
  EXPECT_EQ(what_ends([&sum] {
              for (int i = 0; i < 1000; ++i) sum = sum + i;
            }),
            "nothing");
  EXPECT_EQ(sum, 499500.0);
}

TEST_F(Forbidden, ASystemCallIsSeen) {
  EXPECT_EQ(what_ends([] { syscall(__NR_getpid); }), "system call");
}

TEST_F(Forbidden, MemoryIsSeenHoweverItIsTaken) {
  EXPECT_EQ(what_ends([] { kept = new int; }), "memory");
  EXPECT_EQ(what_ends([] { kept = new Line; }), "memory");
  EXPECT_EQ(what_ends([] { kept = std::make_unique<std::vector<float>>(100).release(); }), "memory");
  EXPECT_EQ(what_ends([] { kept = std::malloc(1); }), "memory");
  EXPECT_EQ(what_ends([] { kept = std::calloc(1, 1); }), "memory");
  EXPECT_EQ(what_ends([] { kept = std::aligned_alloc(64, 64); }), "memory");
  void* memory = std::malloc(1);
  EXPECT_EQ(what_ends([memory] { kept = std::realloc(memory, 2); }), "memory");
  EXPECT_EQ(what_ends([memory] { std::free(memory); }), "memory");
  std::free(memory);
}

TEST_F(Forbidden, ALockThatNobodyHoldsIsSeen) {
  std::mutex mutex;
  EXPECT_EQ(what_ends([&mutex] { mutex.lock(); }), "lock");
  EXPECT_EQ(what_ends([&mutex] { static_cast<void>(mutex.try_lock()); }), "lock");
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
  std::shared_mutex shared;
  EXPECT_EQ(what_ends([&shared] { shared.lock_shared(); }), "lock");
  EXPECT_EQ(what_ends([&shared] { shared.lock(); }), "lock");
}

TEST_F(Forbidden, TheFirstUseOfAFunctionsStaticObjectIsSeen) {
  EXPECT_EQ(what_ends([] {
              static const std::string made = std::to_string(getpid());
              kept = const_cast<char*>(made.data());
            }),
            "lock");
}

TEST_F(Forbidden, AThrowIsSeenThoughItIsCaught) {
  EXPECT_EQ(what_ends([] {
              try {
                throw 1;
              } catch (int) {
              }
            }),
            "throw");
}

}  // namespace
}  // namespace learn_rt
