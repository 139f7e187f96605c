// Convolutions and pools over one to three axes.

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "operation_spatial.h"
#include "spatial.h"

namespace learn_rt {
namespace {

constexpr std::size_t kFew = 8;  // results next to each other below which a matrix product is the better kernel

std::size_t unsigned_of(std::int64_t n) { return static_cast<std::size_t>(n); }

Shape spatial(const Shape& shape) {
  if (shape.size() < 3) throw std::runtime_error("expected x of shape [batch, channels, 1 to 3 axes]");
  return {shape.begin() + 2, shape.end()};
}

Shape joined(std::int64_t batch, std::int64_t channels, const Shape& axes) {
  Shape shape{batch, channels};
  shape.insert(shape.end(), axes.begin(), axes.end());
  count(shape);
  return shape;
}

// Gathers what each result is made from into a row, multiplies, and puts the channels first again.
ValueId as_product(NodeContext& node, const Swept& swept, std::size_t channels, std::size_t outputs,
                   std::vector<float> bias) {
  const std::size_t n = swept.sweep.results(), taps = swept.sweep.taps.size();
  const std::size_t inputs = channels * taps;
  std::vector<std::size_t> from;
  from.reserve(n * inputs);
  for (const std::size_t row : swept.sweep.rows) {
    for (std::size_t t = 0; t < swept.sweep.width; ++t) {
      for (std::size_t c = 0; c < channels; ++c) {
        for (const std::size_t tap : swept.sweep.taps) from.push_back(c * swept.step + row + t + tap);
      }
    }
  }
  const auto i64 = [](std::size_t v) { return static_cast<std::int64_t>(v); };
  const ValueId rows = node.b.gather({swept.value}, {i64(n), i64(inputs)}, from);
  const ValueId product =
      dense(node, rows, *node.b.known(node.input(1)), inputs, outputs, true, std::move(bias), {i64(n), i64(outputs)});
  std::vector<std::size_t> turned(n * outputs);
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = i % n * outputs + i / n;
  return node.b.gather({product}, {i64(outputs), i64(n)}, turned);
}

// The weights of outputs [first, first + outputs) as the kernel takes them.
ConvolutionOperation::Group pack_group(const std::vector<float>& weights, const std::vector<float>& bias,
                                       std::size_t first, std::size_t outputs, std::size_t taps) {
  ConvolutionOperation::Group group;
  const std::size_t blocks = (outputs + 3) / 4;
  group.weights.assign(blocks * taps * 4, 0.0F);
  group.bias.assign(blocks * 4, 0.0F);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t k = 0; k < taps; ++k) {
      group.weights[(o / 4 * taps + k) * 4 + o % 4] = weights[(first + o) * taps + k];
    }
    if (!bias.empty()) group.bias[o] = bias[first + o];
  }
  return group;
}

void conv(NodeContext& node) {
  const Shape shape = node.shape(0), weight_shape = node.shape(1), input = spatial(shape);
  const std::int64_t groups = node.integer("group", 1);
  if (weight_shape.size() != shape.size()) throw std::runtime_error("weights of another rank than x");
  if (groups < 1 || shape[1] % groups != 0 || weight_shape[0] % groups != 0 || weight_shape[1] != shape[1] / groups ||
      weight_shape[0] < 1 || shape[1] < 1) {
    throw std::runtime_error("group " + std::to_string(groups) + " does not fit x of " + to_string(shape) +
                             " and weights of " + to_string(weight_shape));
  }
  const Window window = Window::read(node, input, {weight_shape.begin() + 2, weight_shape.end()}, false);
  std::vector<float> bias;
  if (node.has_input(2)) bias = node.floats(2);
  const std::size_t outputs = unsigned_of(weight_shape[0]), channels = unsigned_of(shape[1]);
  const std::size_t batch = unsigned_of(shape[0]);
  if (!bias.empty() && bias.size() != outputs) throw std::runtime_error("a bias that does not fit the weights");
  const std::vector<float>& weights = node.floats(1);
  const std::size_t each = channels / unsigned_of(groups), taps = each * window.size();
  if (taps == 0) throw std::runtime_error("empty weights");
  const Shape result = joined(shape[0], weight_shape[0], window.output);
  const bool few = count(window.output) < 4 * kFew && window.output.back() < static_cast<std::int64_t>(kFew);
  node.b.hold(2 * (weights.size() + taps + count(window.output)) + 8 * outputs);
  Swept swept = sweep_over(node, node.input(0), batch * channels, window, 0.0F, true);
  if (batch == 1 && groups == 1 && few) {
    return node.output(0, node.b.reshape(as_product(node, swept, channels, outputs, std::move(bias)), result));
  }
  node.b.multiply(batch * swept.sweep.results(), taps, outputs);
  // The taps of all channels of a group.
  const std::vector<std::size_t> of_channel = std::move(swept.sweep.taps);
  swept.sweep.taps.clear();
  for (std::size_t c = 0; c < each; ++c) {
    for (const std::size_t tap : of_channel) swept.sweep.taps.push_back(c * swept.step + tap);
  }
  std::vector<ConvolutionOperation::Group> packed;
  const std::size_t of_group = outputs / unsigned_of(groups);
  for (std::size_t g = 0; g < unsigned_of(groups); ++g) {
    packed.push_back(pack_group(weights, bias, g * of_group, of_group, taps));
  }
  auto operation = std::make_shared<ConvolutionOperation>(std::move(swept.sweep), std::move(packed), of_group,
                                                          each * swept.step, batch);
  node.output(0, node.b.emit(std::move(operation), {swept.value}, result));
}

// Emits the pool of a window: results [channels, output].
ValueId pool(NodeContext& node, const Window& window, bool largest, const Shape& result) {
  const std::size_t channels = unsigned_of(result[0] * result[1]);
  node.b.multiply(channels, count(window.output), window.size());
  node.b.hold(2 * (window.size() + count(window.output)));
  const float fill = largest ? -std::numeric_limits<float>::infinity() : 0.0F;
  Swept swept = sweep_over(node, node.input(0), channels, window, fill, false);
  auto operation = std::make_shared<PoolOperation>(largest, std::move(swept.sweep), channels, swept.step);
  return node.b.emit(std::move(operation), {swept.value}, result);
}

void max_pool(NodeContext& node) {
  if (node.has_output(1)) throw std::runtime_error("the output Indices is not supported, only the largest values");
  node.integer("storage_order", 0);  // of the second output
  const Shape shape = node.shape(0);
  const Window window = Window::read(node, spatial(shape), {}, true);
  node.output(0, pool(node, window, true, joined(shape[0], shape[1], window.output)));
}

// How many elements each result's window holds: those of the input, and of the pads when they count.
std::vector<float> window_counts(const Window& w, bool with_pads) {
  std::vector<float> counts{1.0F};
  for (std::size_t i = 0; i < w.rank(); ++i) {
    const std::int64_t low = with_pads ? 0 : w.begin[i];
    const std::int64_t high = w.begin[i] + w.input[i] + (with_pads ? w.end[i] : 0);
    std::vector<float> further;
    for (const float before : counts) {
      for (std::int64_t o = 0; o < w.output[i]; ++o) {
        float inside = 0;
        for (std::int64_t k = 0; k < w.kernel[i]; ++k) {
          const std::int64_t at = o * w.strides[i] + k * w.dilations[i];
          inside += at >= low && at < high ? 1.0F : 0.0F;
        }
        further.push_back(before * inside);
      }
    }
    counts = std::move(further);
  }
  return counts;
}

void average_pool(NodeContext& node) {
  const bool with_pads = node.integer("count_include_pad", 0) != 0;
  const Shape shape = node.shape(0);
  const Window window = Window::read(node, spatial(shape), {}, true);
  const Shape result = joined(shape[0], shape[1], window.output);
  const ValueId sum = pool(node, window, false, result);
  std::vector<float> counts = window_counts(window, with_pads);
  Shape spread = joined(1, 1, window.output);
  if (std::all_of(counts.begin(), counts.end(), [&](float n) { return n == counts[0]; })) {
    counts.resize(1);
    spread = {};
  }
  if (std::count(counts.begin(), counts.end(), 0.0F) != 0) throw std::runtime_error("pads that hold a whole window");
  node.output(0, node.b.binary(kDiv, sum, node.b.constant({spread, true, std::move(counts), {}})));
}

template <Reduction kKind>
void global_pool(NodeContext& node) {
  const Shape shape = node.shape(0), axes = spatial(shape);
  const std::size_t channels = unsigned_of(shape[0] * shape[1]), inner = count(axes);
  if (channels == 0 || inner == 0) throw std::runtime_error("an empty tensor");
  const Shape result = joined(shape[0], shape[1], Shape(axes.size(), 1));
  node.output(0, node.b.emit(std::make_shared<ReduceOperation>(kKind, channels, inner), {node.input(0)}, result));
}

}  // namespace

const Operators& spatial_operators() {
  static const Operators operators{
      {"Conv", conv},
      {"MaxPool", max_pool},
      {"AveragePool", average_pool},
      {"GlobalAveragePool", global_pool<Reduction::kMean>},
      {"GlobalMaxPool", global_pool<Reduction::kMax>},
  };
  return operators;
}

}  // namespace learn_rt
