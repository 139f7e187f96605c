#pragma once

#include <utility>
#include <vector>

#include "operation.h"

namespace learn_rt {

// A convolution in groups, each with weights and bias of its own; inputs and outputs follow each other by group.
class ConvolutionOperation final : public Operation {
 public:
  struct Group {
    std::vector<float> weights, bias;  // as SpatialKernels::convolve takes them
  };
  // `step`: floats from one group's input to the next one's; the batch's items follow each other.
  ConvolutionOperation(Sweep sweep, std::vector<Group> groups, std::size_t outputs, std::size_t step, std::size_t batch)
      : sweep_(std::move(sweep)), groups_(std::move(groups)), outputs_(outputs), step_(step), batch_(batch) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;
  Work work() const override;

 private:
  Sweep sweep_;
  std::vector<Group> groups_;
  std::size_t outputs_, step_, batch_;  // the first two of one group
};

// Every channel by itself, the same way: the largest of a window, or its sum.
class PoolOperation final : public Operation {
 public:
  PoolOperation(bool largest, Sweep sweep, std::size_t channels, std::size_t step)
      : kernel_(largest ? spatial_kernels().largest : spatial_kernels().sum),
        sweep_(std::move(sweep)),
        channels_(channels),
        step_(step) {}
  void run(const Source* in, const Result* out, std::size_t first, std::size_t last) const LEARN_RT_REALTIME override;

 private:
  void (*kernel_)(const float* x, const Sweep& sweep, float* y) noexcept;
  Sweep sweep_;
  std::size_t channels_, step_;
};

}  // namespace learn_rt
