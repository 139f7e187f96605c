#pragma once

namespace learn_rt {

// How the native engine keeps the matrices of a model. The files hold float32 always, and other backends use that.
enum class Weights {
  kFp32,
  kBf16,   // the upper half of a float32; products and sums in float32
  kInt16,  // 16 bits and one scale an output; products and sums in float32
  kInt8,   // one scale an output; what they multiply is rounded to 16 bits as it comes, sums are exact
  kMixed,  // each matrix in one of these forms
};

}  // namespace learn_rt
