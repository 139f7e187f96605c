// ONNX LSTM and RNN over a window; the GRU is in gru.cpp.

#include <stdexcept>

#include "gru.h"
#include "moves.h"
#include "recurrent_node.h"

namespace learn_rt {
namespace {

using Products = std::shared_ptr<const DenseOperation>;

// x [rows, inputs] times weights [1, outputs, inputs] plus the bias, packed once and used in every step.
Products products(NodeContext& node, std::size_t input, std::size_t rows, std::size_t inputs, std::size_t outputs,
                  const float* bias) {
  node.b.hold(packed_size(inputs, outputs));
  return std::make_shared<const DenseOperation>(pack(node.floats(input).data(), inputs, outputs, true, bias), rows);
}

std::vector<float> summed(const std::vector<float>& both) {
  std::vector<float> bias(both.begin(), both.begin() + static_cast<std::ptrdiff_t>(both.size() / 2));
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += both[bias.size() + i];
  return bias;
}

std::int64_t i64(std::size_t n) { return static_cast<std::int64_t>(n); }

// One step written out, so that the state's share can be computed before the sample is there.
void lstm_step(NodeContext& node, const RecurrentNode& n) {
  const std::size_t sums = 4 * n.size;
  const Shape gates{1, i64(sums)}, state = n.state_shape();
  const ValueId h = n.initial(node, 5), c = n.initial(node, 6);
  const ValueId of_x = node.b.emit(products(node, 1, 1, n.inputs, sums, nullptr), {n.x}, gates);
  const ValueId of_h = node.b.emit(products(node, 2, 1, n.size, sums, summed(n.bias).data()), {h}, gates);
  const GateOffsets offsets{0, 2 * n.size, 3 * n.size, n.size};  // ONNX: input, output, forget, cell
  const auto cell = std::make_shared<LstmCellOperation>(offsets, n.size, true, false);
  const auto next = node.b.emit(cell, {of_x, of_h, c, of_x}, {state, state});
  n.write_sequence(node, next[0]);
  n.write_state(node, 1, next[0]);
  n.write_state(node, 2, next[1]);
}

void lstm_window(NodeContext& node, const RecurrentNode& n) {
  const std::size_t sums = 4 * n.size;
  node.b.hold(packed_size(n.inputs, sums) + packed_size(n.size, sums));
  Panels input = pack(node.floats(1).data(), n.inputs, sums, true, nullptr);
  Panels recurrent = pack(node.floats(2).data(), n.size, sums, true, summed(n.bias).data());
  const auto operation = std::make_shared<LstmOperation>(std::move(input), std::move(recurrent), n.steps, n.batch);
  const Shape state = n.state_shape(), y{i64(n.steps), i64(n.batch), i64(n.size)};
  const Shape scratch{i64(n.batch), 4 * (i64(n.steps) + 1) + 1, i64(n.size)};
  count(scratch);
  const auto out = node.b.emit(operation, {n.x, n.initial(node, 5), n.initial(node, 6)}, {y, state, state, scratch});
  n.write_sequence(node, out[0]);
  n.write_state(node, 1, out[1]);
  n.write_state(node, 2, out[2]);
}

// Gate `i` of sums [batch, gates size].
ValueId gate(ProgramBuilder& b, ValueId sums, std::size_t i, const RecurrentNode& n) {
  std::vector<std::int64_t> picked(n.size);
  for (std::size_t k = 0; k < n.size; ++k) picked[k] = i64(i * n.size + k);
  return pick(b, sums, 1, picked);
}

// Runs a cell written out, step by step: `step` gives the state after the sums [batch, gates size] of one step.
template <class Step>
void unrolled(NodeContext& node, const RecurrentNode& n, std::size_t gates, Step step) {
  const std::size_t sums = gates * n.size;
  const Shape each{i64(n.batch), i64(sums)};
  const Products of_x = products(node, 1, n.steps * n.batch, n.inputs, sums, nullptr);
  const Products of_h = products(node, 2, n.batch, n.size, sums, summed(n.bias).data());
  const ValueId all = node.b.emit(of_x, {n.x}, {i64(n.steps), i64(n.batch * sums)});
  ValueId h = n.initial(node, 5);
  std::vector<ValueId> sequence;
  for (std::size_t t = 0; t < n.steps; ++t) {
    const ValueId from_x = part(node.b, all, t * n.batch * sums, each);
    h = step(node.b.binary(kAdd, from_x, node.b.emit(of_h, {h}, each)));
    sequence.push_back(h);
  }
  if (node.has_output(0)) {
    n.write_sequence(node, joined(node.b, sequence, {i64(n.steps), i64(n.batch), i64(n.size)}));
  }
  n.write_state(node, 1, h);
}

// With peepholes the gates see the cell's state, the output gate the new one.
void lstm_with_peepholes(NodeContext& node, const RecurrentNode& n) {
  ProgramBuilder& b = node.b;
  if (node.shape(7) != Shape{1, 3 * i64(n.size)}) throw std::runtime_error("peepholes that do not fit hidden_size");
  const auto peephole = [&](std::size_t i) { return part(b, node.input(7), i * n.size, {1, i64(n.size)}); };
  const ValueId of_i = peephole(0), of_o = peephole(1), of_f = peephole(2);
  ValueId c = n.initial(node, 6);
  const auto opened = [&](ValueId sums, std::size_t i, ValueId weights) {
    return b.unary(kSigmoid, b.binary(kAdd, gate(b, sums, i, n), b.binary(kMul, c, weights)));
  };
  unrolled(node, n, 4, [&](ValueId sums) {
    const ValueId i = opened(sums, 0, of_i), f = opened(sums, 2, of_f), g = b.unary(kTanh, gate(b, sums, 3, n));
    c = b.binary(kAdd, b.binary(kMul, f, c), b.binary(kMul, i, g));
    return b.binary(kMul, opened(sums, 1, of_o), b.unary(kTanh, c));
  });
  n.write_state(node, 2, c);
}

void lstm(NodeContext& node) {
  node.require("input_forget", 0);
  const RecurrentNode n = RecurrentNode::read(node, 4, {"Sigmoid", "Tanh", "Tanh"});
  if (node.has_input(7)) return lstm_with_peepholes(node, n);
  n.steps == 1 && n.batch == 1 ? lstm_step(node, n) : lstm_window(node, n);
}

// h' = f(W x + R h + b)
void rnn(NodeContext& node) {
  std::string name = "Tanh";
  if (const auto given = node.text_list("activations"); given && given->size() == 1) name = given->front();
  if (name != "Tanh" && name != "Relu" && name != "Sigmoid") name = "Tanh";  // refused below by its own name
  const RecurrentNode n = RecurrentNode::read(node, 1, {name});
  const Unary f = name == "Relu" ? kRelu : name == "Sigmoid" ? kSigmoid : kTanh;
  unrolled(node, n, 1, [&](ValueId sums) { return node.b.unary(f, sums); });
}

}  // namespace

const Operators& recurrent_operators() {
  static const Operators operators{{"LSTM", lstm}, {"GRU", lower_gru}, {"RNN", rnn}};
  return operators;
}

}  // namespace learn_rt
