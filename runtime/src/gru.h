#pragma once

#include "lowering.h"
#include "operation.h"

namespace learn_rt {

// One step of a GRU after its products: in a.r, a.z, a.n (the input's share), b.r, b.z, b.n (the state's), h; out h'.
// `resets_after`: as RecurrentKernels::gru_cell; otherwise as gru_update, and a.r and b.r are not read.
class GruCellOperation final : public Operation {
 public:
  GruCellOperation(std::size_t size, bool resets_after) : size_(size), resets_after_(resets_after) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::size_t size_;
  bool resets_after_;
};

// In a.r, b.r, h; out sigmoid(a.r + b.r) h.
class GruResetOperation final : public Operation {
 public:
  explicit GruResetOperation(std::size_t size) : size_(size) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  std::size_t size_;
};

// A GRU's weights as ONNX orders them (z, r, n), packed.
struct GruWeights {
  std::size_t size = 0;
  bool resets_after = false;
  Panels input;      // 3 size, with its bias
  Panels recurrent;  // 3 size; only z and r when the reset comes before the product
  Panels candidate;  // the state's share of n, when the reset comes before the product
};

// ONNX GRU over `steps` steps, forward: in x [steps, batch, inputs], h0; out y [steps, batch, size], h, and scratch
// [batch (3 (steps + 1) + 1) size] for the sums.
class GruOperation final : public Operation {
 public:
  GruOperation(GruWeights weights, std::size_t steps, std::size_t batch)
      : weights_(std::move(weights)), steps_(steps), batch_(batch) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  GruWeights weights_;
  std::size_t steps_, batch_;
};

// ONNX GRU. A single step is written out, so that the state's share can be computed before the sample is there.
void lower_gru(NodeContext& node);

}  // namespace learn_rt
