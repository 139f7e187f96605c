#pragma once

#include <cstddef>

namespace learn_rt {

// What must be read and multiplied, however good the code is.
struct Work {
  std::size_t weight_bytes = 0;  // of the matrices, in the form that they are kept in
  std::size_t multiply_adds = 0;
};

// What one session takes of the machine; zeros where the backend does not tell.
struct Footprint {
  Work answer;                    // in step(); of a rollout session, in rollout()
  Work settle;                    // in settle()
  std::size_t session_bytes = 0;  // memory of a session, beside the model's
  std::size_t matrices = 0;       // that are large enough to be kept in fewer bits
};

}  // namespace learn_rt
