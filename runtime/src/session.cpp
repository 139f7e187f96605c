#include "learn_rt/session.h"

#include <stdexcept>

namespace learn_rt {

void Session::restore(const void* /*state*/, std::size_t /*size*/) {
  throw std::invalid_argument("this model's state cannot be taken: begin anew, and give it the samples again");
}

void Session::run(const float* samples, std::size_t n, float* answers, std::uint32_t* flags) LEARN_RT_REALTIME {
  const std::size_t in = n_features(), out = n_outputs();
  for (std::size_t i = 0; i < n; ++i) flags[i] = step(samples + i * in, answers + i * out);
}

}  // namespace learn_rt
