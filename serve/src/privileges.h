#pragma once

#include <string>

namespace learn_rt::serve {

// What a real-time process asks of the system. Each returns what it could not get and why, or nothing.

// Keeps every page that is or will be touched in memory.
std::string lock_memory();

// Runs every thread but the calling one under SCHED_FIFO; threads that they start inherit it.
std::string run_realtime(int priority);

// Lets this thread run when no other wants its processor, under SCHED_FIFO or not before.
void yield_to_others() noexcept;

}  // namespace learn_rt::serve
