// Every instruction set that this machine can run, not only the best one: its kernels, on every size, and the golden
// answers. The choice is made once a process, so each is tried in a child.

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdio>
#include <cstdlib>

#include "kernel_checks.h"
#include "kernels/kernels.h"
#include "small_model.h"

namespace learn_rt {
namespace {

// Runs `check` in a child for each instruction set.
template <class Check>
void on_each_target(Check check) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    EXPECT_EXIT(
        {
          hwy::SetSupportedTargetsForTest(target);
          check();
          std::fprintf(stderr, "ran on %s\n", elementwise_kernels().target);
          std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), std::string("ran on ") + hwy::TargetName(target));
  }
}

TEST(TargetsDeathTest, EachInstructionSetGivesTheGoldenAnswers) {
  const testing::SmallModel model;
  on_each_target([&] { model.load(); });
}

TEST(TargetsDeathTest, EachInstructionSetsKernelsAreRightOnEverySize) {
  on_each_target([] {
    const std::string wrong = testing::check_kernels();
    if (wrong.empty()) return;
    std::fprintf(stderr, "%s", wrong.substr(0, 4000).c_str());
    std::_Exit(1);
  });
}

}  // namespace
}  // namespace learn_rt
