// Every instruction set that this machine can run gives the golden answers, not only the best one. The choice is made
// once a process, so each is tried in a child.

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdio>
#include <cstdlib>

#include "kernels/kernels.h"
#include "small_model.h"

namespace learn_rt {
namespace {

TEST(TargetsDeathTest, EachInstructionSetGivesTheGoldenAnswers) {
  const testing::SmallModel model;
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    EXPECT_EXIT(
        {
          hwy::SetSupportedTargetsForTest(target);
          model.load();
          std::fprintf(stderr, "ran on %s\n", elementwise_kernels().target);
          std::_Exit(0);
        },
        ::testing::ExitedWithCode(0), std::string("ran on ") + hwy::TargetName(target));
  }
}

}  // namespace
}  // namespace learn_rt
