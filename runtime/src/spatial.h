#pragma once

#include <cstddef>
#include <vector>

#include "lowering.h"

namespace learn_rt {

// The window that a convolution or pool moves over its spatial axes: what its attributes say, checked.
struct Window {
  // Reads strides, dilations, pads, auto_pad and, for a pool, kernel_shape and ceil_mode. `input`: the spatial axes.
  // Throws std::runtime_error: an attribute that makes no sense, by name.
  static Window read(NodeContext& node, const Shape& input, Shape kernel, bool pool);

  Shape input, kernel, strides, dilations, begin, end;  // pads before and after each axis
  Shape further;                                        // zeros beyond the pads that a rounded-up size reaches
  Shape output;

  std::size_t rank() const { return input.size(); }
  // Taps of one channel.
  std::size_t size() const;
  // The input's elements with all pads, by axis.
  Shape padded() const;
};

// Brings channels [outer, spatial axes] to where a sweep can walk over them: padded with `fill`, and, when `in_phases`,
// the last axis cut into as many phases as its stride, so that neighbouring results lie next to each other.
struct Swept {
  ValueId value;
  Sweep sweep;       // of one channel
  std::size_t step;  // floats of one channel
};
Swept sweep_over(NodeContext& node, ValueId x, std::size_t outer, const Window& window, float fill, bool in_phases);

}  // namespace learn_rt
