#pragma once

#include <utility>
#include <vector>

#include "operation.h"

namespace learn_rt {

// A function that the vector kernels lack, from the C library.
class LibraryOperation final : public Operation {
 public:
  using Function = float (*)(float);
  LibraryOperation(Function function, std::size_t size) : function_(function), size_(size) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  Function function_;
  std::size_t size_;
};

// in c, a, b, all of one size: a where c is not 0, else b.
class SelectOperation final : public Operation {
 public:
  explicit SelectOperation(std::size_t size) : size_(size) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::size_t size_;
};

// [outer, n], each row by itself: softmax and its logarithm.
class RowsOperation final : public Operation {
 public:
  using Kernel = void (*)(const float* x, float* y, std::size_t n) noexcept;
  RowsOperation(Kernel kernel, std::size_t outer, std::size_t n) : kernel_(kernel), outer_(outer), n_(n) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  Kernel kernel_;
  std::size_t outer_, n_;
};

// [outer, n] -> [outer]: the place of the largest in each row, which a float holds exactly; the first NaN is the
// largest.
class ArgMaxOperation final : public Operation {
 public:
  ArgMaxOperation(std::size_t outer, std::size_t n, bool last) : outer_(outer), n_(n), last_(last) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::size_t outer_, n_;
  bool last_;  // of equal ones, the last one
};

// [batch, channels, inner]: (x - mean) factor + offset, each given by channel.
class AffineOperation final : public Operation {
 public:
  AffineOperation(std::vector<float> mean, std::vector<float> factor, std::vector<float> offset, std::size_t batch,
                  std::size_t inner)
      : mean_(std::move(mean)), factor_(std::move(factor)), offset_(std::move(offset)), batch_(batch), inner_(inner) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::vector<float> mean_, factor_, offset_;
  std::size_t batch_, inner_;
};

}  // namespace learn_rt
