#include "gru.h"

#include <cstring>
#include <numeric>
#include <stdexcept>

namespace learn_rt {

void GruCellOperation::run(const Source* in, const Result* out, std::size_t first,
                           std::size_t last) const LEARN_RT_REALTIME {
  const auto cell = resets_after_ ? recurrent_kernels().gru_cell : recurrent_kernels().gru_update;
  for (std::size_t r = first; r < last; ++r) {
    cell({in[0].row(r), in[1].row(r), in[2].row(r)}, {in[3].row(r), in[4].row(r), in[5].row(r)}, in[6].row(r), size_,
         out->row(r));
  }
}

void GruResetOperation::run(const Source* in, const Result* out, std::size_t first,
                            std::size_t last) const LEARN_RT_REALTIME {
  const auto reset = recurrent_kernels().gru_reset;
  for (std::size_t r = first; r < last; ++r) reset(in[0].row(r), in[1].row(r), in[2].row(r), size_, out->row(r));
}

void GruOperation::run(const Source* in, const Result* out, std::size_t first,
                       std::size_t last) const LEARN_RT_REALTIME {
  const auto dense = dense_kernels().dense;
  const RecurrentKernels& kernels = recurrent_kernels();
  const std::size_t size = weights_.size, sums = 3 * size;
  for (std::size_t r = first; r < last; ++r) {
    float *y = out[0].row(r), *scratch = out[2].row(r);
    float *b = scratch + steps_ * sums, *reset = b + sums;
    dense(in[0].row(r), weights_.input.inputs, steps_, weights_.input, scratch, sums);
    const float* h = in[1].row(r);
    for (std::size_t t = 0; t < steps_; ++t, h = y, y += size) {
      const float* a = scratch + t * sums;
      const GruGates from_x{a + size, a, a + 2 * size}, from_h{b + size, b, b + 2 * size};
      dense(h, size, 1, weights_.recurrent, b, sums);
      if (weights_.resets_after) {
        kernels.gru_cell(from_x, from_h, h, size, y);
        continue;
      }
      kernels.gru_reset(from_x.r, from_h.r, h, size, reset);
      dense(reset, size, 1, weights_.candidate, b + 2 * size, size);
      kernels.gru_update(from_x, from_h, h, size, y);
    }
    std::memcpy(out[1].row(r), h, size * sizeof(float));
  }
}

namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

GruWeights read_weights(NodeContext& node, std::int64_t inputs, std::int64_t hidden, bool resets_after) {
  if (hidden > kMaxSize || node.shape(1) != Shape{1, 3 * hidden, inputs} ||
      node.shape(2) != Shape{1, 3 * hidden, hidden}) {
    throw std::runtime_error("weights that do not fit hidden_size");
  }
  GruWeights weights;
  const auto n = static_cast<std::size_t>(hidden), n_inputs = static_cast<std::size_t>(inputs);
  weights.size = n;
  weights.resets_after = resets_after;
  node.b.hold(packed_size(n_inputs, 3 * n) + packed_size(n, 3 * n));
  std::vector<float> bias(6 * n, 0.0F);
  if (node.has_input(3)) {
    if (node.shape(3) != Shape{1, 6 * hidden}) throw std::runtime_error("a bias that does not fit hidden_size");
    bias = node.floats(3);
  }
  const float *of_x = bias.data(), *of_h = bias.data() + 3 * n, *recurrent = node.floats(2).data();
  weights.input = pack(node.floats(1).data(), n_inputs, 3 * n, true, of_x);
  if (resets_after) {
    weights.recurrent = pack(recurrent, n, 3 * n, true, of_h);
  } else {
    weights.recurrent = pack(recurrent, n, 2 * n, true, of_h);
    weights.candidate = pack(recurrent + 2 * n * n, n, n, true, of_h + 2 * n);
  }
  return weights;
}

// Gate `i` of `size` sums each: a view.
ValueId gate(ProgramBuilder& b, ValueId sums, std::size_t i, std::size_t size) {
  std::vector<std::size_t> from(size);
  std::iota(from.begin(), from.end(), i * size);
  return b.gather({sums}, {static_cast<std::int64_t>(size)}, from);
}

ValueId one_step(ProgramBuilder& b, GruWeights weights, ValueId x, ValueId h) {
  const std::size_t n = weights.size;
  const Shape state{static_cast<std::int64_t>(n)};
  const bool resets_after = weights.resets_after;
  const auto dense = [&b](Panels panels, ValueId from) {
    const Shape shape{static_cast<std::int64_t>(panels.outputs)};
    return b.emit(std::make_shared<DenseOperation>(std::move(panels), 1), {from}, shape);
  };
  const ValueId from_x = dense(std::move(weights.input), x), from_h = dense(std::move(weights.recurrent), h);
  const ValueId r_x = gate(b, from_x, 1, n), r_h = gate(b, from_h, 1, n);
  ValueId n_h;
  if (resets_after) {
    n_h = gate(b, from_h, 2, n);
  } else {
    const ValueId reset = b.emit(std::make_shared<GruResetOperation>(n), {r_x, r_h, h}, state);
    n_h = dense(std::move(weights.candidate), reset);
  }
  const std::vector<ValueId> in{r_x, gate(b, from_x, 0, n), gate(b, from_x, 2, n), r_h, gate(b, from_h, 0, n), n_h, h};
  return b.emit(std::make_shared<GruCellOperation>(n, resets_after), in, state);
}

}  // namespace

void lower_gru(NodeContext& node) {
  const std::int64_t hidden = node.integer("hidden_size", 0);
  const bool resets_after = node.integer("linear_before_reset", 0) != 0;
  if (node.text("direction", "forward") != "forward") throw std::runtime_error("only direction forward is supported");
  node.require("layout", 0);
  if (node.has("activations") || node.has("clip")) throw std::runtime_error("activations and clip are not supported");
  if (node.has_input(4)) throw std::runtime_error("sequence_lens is not supported");
  const Shape shape = node.shape(0);
  if (shape.size() != 3 || shape[1] != 1 || shape[0] < 1 || shape[2] < 1 || hidden < 1) {
    throw std::runtime_error("expected x of shape [steps, 1, inputs] and a hidden_size");
  }
  const std::int64_t steps = shape[0];
  GruWeights weights = read_weights(node, shape[2], hidden, resets_after);
  const std::size_t n = weights.size, n_steps = static_cast<std::size_t>(steps);
  node.b.multiply(n_steps, 3 * n, n + static_cast<std::size_t>(shape[2]));
  const Shape state{1, 1, hidden};
  ValueId h = 0;
  if (node.has_input(5)) {
    if (node.shape(5) != state) throw std::runtime_error("a state that does not fit hidden_size");
    h = node.input(5);
  } else {
    h = node.b.constant({state, true, std::vector<float>(n, 0.0F), {}});
  }
  if (steps == 1) {
    const ValueId next = one_step(node.b, std::move(weights), node.input(0), h);
    node.output(0, node.b.reshape(next, {1, 1, 1, hidden}));
    node.output(1, node.b.reshape(next, state));
    return;
  }
  const Shape scratch{3 * hidden * (steps + 1) + hidden};
  count(scratch);
  const auto out = node.b.emit(std::make_shared<GruOperation>(std::move(weights), n_steps), {node.input(0), h},
                               {{steps, 1, 1, hidden}, state, scratch});
  for (std::size_t i = 0; i < 2; ++i) node.output(i, out[i]);
}

}  // namespace learn_rt
