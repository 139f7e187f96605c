#pragma once

// Marks a function of the real-time path: no allocation, lock, system call, log or throw. Tests hold the marked paths
// to it: a system call, memory, a lock or a throw ends the thread that tries (runtime/tests/forbidden.h).
#define LEARN_RT_REALTIME noexcept
