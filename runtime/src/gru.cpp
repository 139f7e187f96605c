#include "gru.h"

#include <cstring>

#include "moves.h"
#include "recurrent_node.h"

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
  const std::size_t size = weights_.size, sums = 3 * size, state = batch_ * size;
  for (std::size_t r = first; r < last; ++r) {
    float *y = out[0].row(r), *scratch = out[2].row(r);
    float *from_h = scratch + steps_ * batch_ * sums, *reset = from_h + batch_ * sums;
    dense(in[0].row(r), weights_.input.inputs, steps_ * batch_, weights_.input, scratch, sums);
    const float *h = in[1].row(r), *a = scratch;
    for (std::size_t t = 0; t < steps_; ++t, h = y, y += state, a += batch_ * sums) {
      // Of the row k of the batch.
      const auto gates = [size, sums](const float* of, std::size_t k) {
        const float* z = of + k * sums;
        return GruGates{z + size, z, z + 2 * size};
      };
      dense(h, size, batch_, weights_.recurrent, from_h, sums);
      if (weights_.resets_after) {
        for (std::size_t k = 0; k < batch_; ++k) {
          kernels.gru_cell(gates(a, k), gates(from_h, k), h + k * size, size, y + k * size);
        }
        continue;
      }
      for (std::size_t k = 0; k < batch_; ++k) {
        kernels.gru_reset(gates(a, k).r, gates(from_h, k).r, h + k * size, size, reset + k * size);
      }
      dense(reset, size, batch_, weights_.candidate, from_h + 2 * size, sums);
      for (std::size_t k = 0; k < batch_; ++k) {
        kernels.gru_update(gates(a, k), gates(from_h, k), h + k * size, size, y + k * size);
      }
    }
    std::memcpy(out[1].row(r), h, state * sizeof(float));
  }
}

namespace {

GruWeights read_weights(NodeContext& node, const RecurrentNode& of, bool resets_after) {
  GruWeights weights;
  const std::size_t n = of.size;
  weights.size = n;
  weights.resets_after = resets_after;
  node.b.hold(packed_size(of.inputs, 3 * n) + packed_size(n, 3 * n));
  const float *of_x = of.bias.data(), *of_h = of.bias.data() + 3 * n, *recurrent = node.floats(2).data();
  weights.input = pack(node.floats(1).data(), of.inputs, 3 * n, true, of_x);
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
  return part(b, sums, i * size, {static_cast<std::int64_t>(size)});
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
  const RecurrentNode n = RecurrentNode::read(node, 3, {"Sigmoid", "Tanh"});
  GruWeights weights = read_weights(node, n, node.integer("linear_before_reset", 0) != 0);
  const ValueId h = n.initial(node, 5);
  if (n.steps == 1 && n.batch == 1) {
    const ValueId next = one_step(node.b, std::move(weights), n.x, h);
    n.write_sequence(node, next);
    n.write_state(node, 1, next);
    return;
  }
  const auto i64 = [](std::size_t v) { return static_cast<std::int64_t>(v); };
  const Shape y{i64(n.steps), i64(n.batch), i64(n.size)},
      scratch{i64(n.batch), 3 * (i64(n.steps) + 1) + 1, i64(n.size)};
  count(scratch);
  const auto out = node.b.emit(std::make_shared<GruOperation>(std::move(weights), n.steps, n.batch), {n.x, h},
                               {y, n.state_shape(), scratch});
  n.write_sequence(node, out[0]);
  n.write_state(node, 1, out[1]);
}

}  // namespace learn_rt
