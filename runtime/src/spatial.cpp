#include "spatial.h"

#include <algorithm>
#include <stdexcept>

namespace learn_rt {
namespace {

constexpr std::int64_t kMost = std::int64_t{1} << 24;

// A list with one number for each axis (or two for pads), each within [low, 2^24].
Shape list(NodeContext& node, const char* name, std::size_t n, std::int64_t low, std::int64_t otherwise) {
  const auto given = node.integer_list(name);
  if (!given) return Shape(n, otherwise);
  if (given->size() != n) {
    throw std::runtime_error(std::string(name) + " must hold " + std::to_string(n) + " numbers, got " +
                             std::to_string(given->size()));
  }
  for (const std::int64_t v : *given) {
    if (v < low || v > kMost) {
      throw std::runtime_error(std::string(name) + " must be " + std::to_string(low) + " to 2^24, got " +
                               std::to_string(v));
    }
  }
  return *given;
}

std::int64_t reach(const Window& w, std::size_t axis) { return (w.kernel[axis] - 1) * w.dilations[axis] + 1; }

// Pads so that the output has a stride's part of the input's size.
void pad_to_same(Window& w, bool upper) {
  for (std::size_t i = 0; i < w.rank(); ++i) {
    const std::int64_t out = (w.input[i] + w.strides[i] - 1) / w.strides[i];
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * w.strides[i] + reach(w, i) - w.input[i]);
    w.begin[i] = upper ? total / 2 : total - total / 2;
    w.end[i] = total - w.begin[i];
  }
}

}  // namespace

Window Window::read(NodeContext& node, const Shape& input, Shape kernel, bool pool) {
  const std::size_t rank = input.size();
  if (rank < 1 || rank > 3) throw std::runtime_error("expected x of shape [1, channels, 1 to 3 axes]");
  if (count(input) == 0) throw std::runtime_error("an empty tensor");
  Window w;
  w.input = input;
  w.kernel = list(node, "kernel_shape", rank, 1, 0);
  if (pool && w.kernel[0] == 0) throw std::runtime_error("kernel_shape is missing");
  if (!pool) {
    if (w.kernel[0] != 0 && w.kernel != kernel) throw std::runtime_error("kernel_shape is not that of the weights");
    w.kernel = std::move(kernel);
  }
  w.strides = list(node, "strides", rank, 1, 1);
  w.dilations = list(node, "dilations", rank, 1, 1);
  const Shape pads = list(node, "pads", 2 * rank, 0, 0);
  w.begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
  w.end.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
  w.further.assign(rank, 0);
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    pad_to_same(w, automatic == "SAME_UPPER");
  } else if (automatic == "VALID") {
    w.begin.assign(rank, 0);
    w.end.assign(rank, 0);
  } else if (automatic != "NOTSET") {
    throw std::runtime_error("auto_pad " + automatic.substr(0, 32) + " is not supported");
  }
  const bool up = pool && node.integer("ceil_mode", 0) != 0;
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t all = w.input[i] + w.begin[i] + w.end[i], room = all - reach(w, i), step = w.strides[i];
    if (room < 0) {
      throw std::runtime_error("kernel_shape " + to_string(w.kernel) + " reaches " + std::to_string(reach(w, i)) +
                               " elements of the " + std::to_string(all) + " there are");
    }
    std::int64_t out = (room + (up ? step - 1 : 0)) / step + 1;
    // No window begins beyond the input and the pads before it.
    if (up && (out - 1) * step >= w.input[i] + w.begin[i]) --out;
    w.further[i] = std::max<std::int64_t>(0, (out - 1) * step + reach(w, i) - all);
    w.output.push_back(out);
  }
  count(w.output);
  count(w.padded());
  return w;
}

std::size_t Window::size() const { return count(kernel); }

Shape Window::padded() const {
  Shape shape;
  for (std::size_t i = 0; i < rank(); ++i) shape.push_back(begin[i] + input[i] + end[i] + further[i]);
  return shape;
}

namespace {

// All places of a shape in order, each as an index by axis.
template <class Each>
void for_each_place(const Shape& shape, Each each) {
  Shape at(shape.size(), 0);
  for (std::size_t n = count(shape); n > 0; --n) {
    each(at);
    for (std::size_t i = shape.size(); i-- > 0;) {
      if (++at[i] < shape[i]) break;
      at[i] = 0;
    }
  }
}

}  // namespace

Swept sweep_over(NodeContext& node, ValueId x, std::size_t outer, const Window& w, float fill, bool in_phases) {
  const std::size_t rank = w.rank(), last = rank - 1;
  const Shape padded = w.padded();
  const std::int64_t phases = in_phases ? w.strides[last] : 1;
  const std::int64_t phase_size = (padded[last] + phases - 1) / phases, row_size = phases * phase_size;

  // Floats from one place of an axis to the next, in the padded channel.
  Shape step(rank, 1);
  std::int64_t channel = row_size;
  for (std::size_t i = last; i-- > 0;) {
    step[i] = channel;
    channel *= padded[i];
  }

  Swept result{x, {}, static_cast<std::size_t>(channel)};
  if (padded != w.input || phases > 1) {
    Shape shape{static_cast<std::int64_t>(outer), channel};
    std::vector<std::size_t> from(node.b.room(shape), node.b.size(x));  // the fill
    const std::size_t size = count(w.input);
    std::size_t source = 0;
    for_each_place(w.input, [&](const Shape& at) {
      std::int64_t to = 0;
      for (std::size_t i = 0; i < last; ++i) to += (at[i] + w.begin[i]) * step[i];
      const std::int64_t column = at[last] + w.begin[last];
      to += column % phases * phase_size + column / phases;
      for (std::size_t o = 0; o < outer; ++o) {
        from[o * result.step + static_cast<std::size_t>(to)] = o * size + source;
      }
      ++source;
    });
    result.value = node.b.gather({x, node.b.constant({{1}, true, {fill}, {}})}, shape, from);
  }

  for_each_place(w.kernel, [&](const Shape& at) {
    std::int64_t tap = 0;
    for (std::size_t i = 0; i < last; ++i) tap += at[i] * w.dilations[i] * step[i];
    const std::int64_t column = at[last] * w.dilations[last];
    result.sweep.taps.push_back(static_cast<std::size_t>(tap + column % phases * phase_size + column / phases));
  });
  // Rows that follow each other without a gap are one.
  std::int64_t width = w.output[last];
  std::size_t axes = last;
  const bool whole_rows = w.kernel[last] == 1 && w.strides[last] == 1 && padded[last] == width;
  while (whole_rows && axes > 0 && w.strides[axes - 1] == 1 &&
         (axes == last || (w.kernel[axes] == 1 && padded[axes] == w.output[axes]))) {
    width *= w.output[--axes];
  }
  Shape rows(w.output.begin(), w.output.begin() + static_cast<std::ptrdiff_t>(axes));
  for_each_place(rows, [&](const Shape& at) {
    std::int64_t row = 0;
    for (std::size_t i = 0; i < axes; ++i) row += at[i] * w.strides[i] * step[i];
    result.sweep.rows.push_back(static_cast<std::size_t>(row));
  });
  result.sweep.width = static_cast<std::size_t>(width);
  result.sweep.stride = in_phases ? 1 : static_cast<std::size_t>(w.strides[last]);
  return result;
}

}  // namespace learn_rt
