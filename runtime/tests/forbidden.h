#pragma once

#include <functional>
#include <string>

namespace learn_rt::testing {

// False under sanitizers, which take memory and make system calls themselves.
extern const bool kCanForbid;

// Runs `work` on a thread of its own that a system call ends, and that memory taken or given back, a lock and a throw
// end too. Returns what ended it: "system call", "memory", "lock" or "throw"; "nothing" when the work was done.
std::string what_ends(const std::function<void()>& work);

}  // namespace learn_rt::testing
