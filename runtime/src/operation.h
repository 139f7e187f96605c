#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernels/kernels.h"
#include "learn_rt/footprint.h"
#include "learn_rt/realtime.h"
#include "tensor.h"

namespace learn_rt {

// Rows of floats that an operation reads or writes: row r begins at data + r * stride. A stride of 0 is one row for
// all.
struct Source {
  const float* data;
  std::size_t stride;
  const float* row(std::size_t r) const LEARN_RT_REALTIME { return data + r * stride; }
};
struct Result {
  float* data;
  std::size_t stride;
  float* row(std::size_t r) const LEARN_RT_REALTIME { return data + r * stride; }
};

// One step of a program, planned for fixed shapes. It runs for rows [first, last), which do not know of each other: a
// row is the graph at batch 1, so lanes are rows.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual void run(const Source* in, const Result* out, std::size_t first,
                   std::size_t last) const LEARN_RT_REALTIME = 0;

  // What one row takes; nothing, of what has no weights.
  virtual Work work() const { return {}; }
  // Whether its weights are worth fewer bits, and the same with them in another form, where that can be.
  virtual bool stores_weights() const { return false; }
  virtual std::shared_ptr<const Operation> with_weights(Weights /*form*/) const { return nullptr; }
};

// Moves elements: all that slices, joins, transposes, repeats or gathers.
class CopyOperation final : public Operation {
 public:
  struct Segment {
    std::size_t input, from, to, count;
  };
  explicit CopyOperation(std::vector<Segment> segments) : segments_(std::move(segments)) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::vector<Segment> segments_;
};

class UnaryOperation final : public Operation {
 public:
  UnaryOperation(Unary kind_, std::size_t size, float alpha = 0, float beta = 0)
      : kind(kind_), kernel_(unary_kernel(kind_)), alpha_(alpha), beta_(beta), size_(size) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;
  const Unary kind;

 private:
  UnaryKernel kernel_;
  float alpha_, beta_;
  std::size_t size_;
};

// Both sizes alike, or one of them 1.
class BinaryOperation final : public Operation {
 public:
  BinaryOperation(Binary kind_, std::size_t a_size, std::size_t b_size)
      : kind(kind_), a_size_(a_size), b_size_(b_size) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;
  const Binary kind;

 private:
  std::size_t a_size_, b_size_;
};

// [inner, inputs] times a constant matrix, plus a constant bias.
class DenseOperation final : public Operation {
 public:
  DenseOperation(Panels panels, std::size_t inner)
      : panels_(std::move(panels)), kernel_(dense_kernel(panels_.form)), inner_(inner) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;
  Work work() const override;
  bool stores_weights() const override;
  std::shared_ptr<const Operation> with_weights(Weights form) const override;

 private:
  Panels panels_;
  DenseKernel kernel_;
  std::size_t inner_;
};

// As DenseOperation for a few outputs, summed in double: a model's last layer and its long linear paths, whose terms
// cancel.
class ThinDenseOperation final : public Operation {
 public:
  // `weights`: [outputs][inputs].
  ThinDenseOperation(std::vector<float> weights, std::vector<float> bias, std::size_t inner)
      : weights_(std::move(weights)), bias_(std::move(bias)), inner_(inner) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;
  Work work() const override { return {weights_.size() * sizeof(float), inner_ * weights_.size()}; }

 private:
  std::vector<float> weights_, bias_;
  std::size_t inner_;
};

// [batch, m, k] times [batch, k, n], or either of them without a batch, in double: for products of two computed values.
class MatMulOperation final : public Operation {
 public:
  struct Sizes {
    std::size_t batch, m, k, n, a_step, b_step;  // steps in floats from one matrix to the next, 0: the same
  };
  explicit MatMulOperation(Sizes sizes) : sizes_(sizes) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  Sizes sizes_;
};

enum class Reduction { kSum, kMean, kMax, kMin };

// [outer, inner] -> [outer], sums in double.
class ReduceOperation final : public Operation {
 public:
  ReduceOperation(Reduction kind, std::size_t outer, std::size_t inner) : kind_(kind), outer_(outer), inner_(inner) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  Reduction kind_;
  std::size_t outer_, inner_;
};

// Over the last axis of [outer, n].
class LayerNormOperation final : public Operation {
 public:
  LayerNormOperation(std::vector<float> scale, std::vector<float> bias, float epsilon, std::size_t outer)
      : scale_(std::move(scale)), bias_(std::move(bias)), epsilon_(epsilon), outer_(outer) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::vector<float> scale_, bias_;
  float epsilon_;
  std::size_t outer_;
};

// One step of an LSTM after its sums: in a, b, c, mask; out h, c. b and mask are left out when null.
class LstmCellOperation final : public Operation {
 public:
  LstmCellOperation(GateOffsets gates, std::size_t size, bool has_b, bool has_mask)
      : gates_(gates), size_(size), has_b_(has_b), has_mask_(has_mask) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  GateOffsets gates_;
  std::size_t size_;
  bool has_b_, has_mask_;
};

// ONNX LSTM over `steps` steps, forward: in x [steps, batch, inputs], h0, c0; out y [steps, batch, size], h, c, and
// scratch [batch (4 (steps + 1) + 1) size] for the sums.
class LstmOperation final : public Operation {
 public:
  LstmOperation(Panels input, Panels recurrent, std::size_t steps, std::size_t batch)
      : input_(std::move(input)), recurrent_(std::move(recurrent)), steps_(steps), batch_(batch) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  Panels input_, recurrent_;
  std::size_t steps_, batch_;
};

}  // namespace learn_rt
