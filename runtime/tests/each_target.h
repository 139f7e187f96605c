#pragma once

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "kernels/kernels.h"

namespace learn_rt::testing {

// Expects `holds()` with every instruction set that this machine can run. The choice is made once a process, so each is
// tried in a child; what it prints is seen.
template <class Holds>
void expect_on_each_target(Holds holds) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  for (const auto target : hwy::SupportedAndGeneratedTargets()) {
    EXPECT_EXIT(
        {
          hwy::SetSupportedTargetsForTest(target);
          const bool held = holds();
          std::fflush(stdout);
          std::fprintf(stderr, "ran on %s\n", elementwise_kernels().target);
          std::_Exit(held ? 0 : 1);
        },
        ::testing::ExitedWithCode(0), std::string("ran on ") + hwy::TargetName(target));
  }
}

}  // namespace learn_rt::testing
