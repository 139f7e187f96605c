#pragma once

#include <cstddef>

namespace learn_rt::bench {

// What this machine can do at best, with the vectors of the best instruction set that runs here. One thread.

// Bytes a nanosecond that are read over and over from so much memory: of the cache that it fits in.
double bytes_per_ns(std::size_t bytes);
// float32 multiply-adds a nanosecond, from registers.
double multiply_adds_per_ns();
// The instruction set.
const char* probed_target();

}  // namespace learn_rt::bench
