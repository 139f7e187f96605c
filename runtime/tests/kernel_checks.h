#pragma once

#include <string>

namespace learn_rt::testing {

// Runs every kernel of this process' instruction set on sizes around and between whole vectors, beside plain code in
// double. Returns what is wrong, or nothing.
std::string check_kernels();

}  // namespace learn_rt::testing
