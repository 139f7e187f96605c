#include "learn_rt/session.h"

namespace learn_rt {

void Session::run(const float* samples, std::size_t n, float* answers, std::uint32_t* flags) LEARN_RT_REALTIME {
  const std::size_t in = n_features(), out = n_outputs();
  for (std::size_t i = 0; i < n; ++i) flags[i] = step(samples + i * in, answers + i * out);
}

}  // namespace learn_rt
