#pragma once

// Marks a function of the real-time path: no allocation, lock, system call, log or throw. Tests hold the marked paths
// to it: a seccomp filter that allows no system call, and an allocator that aborts.
#define LEARN_RT_REALTIME noexcept
