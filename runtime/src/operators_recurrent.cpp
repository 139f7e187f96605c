// ONNX LSTM over a window; the GRU is in gru.cpp.

#include <stdexcept>

#include "gru.h"
#include "lowering.h"

namespace learn_rt {
namespace {

void lstm(NodeContext& node) {
  const std::int64_t hidden = node.integer("hidden_size", 0);
  if (node.text("direction", "forward") != "forward") throw std::runtime_error("only direction forward is supported");
  node.require("layout", 0);
  node.require("input_forget", 0);
  if (node.has("activations") || node.has("clip")) throw std::runtime_error("activations and clip are not supported");
  if (node.has_input(4)) throw std::runtime_error("sequence_lens is not supported");
  if (node.has_input(7)) throw std::runtime_error("peepholes are not supported");
  const Shape shape = node.shape(0);
  if (shape.size() != 3 || shape[1] != 1 || shape[0] < 1 || hidden < 1) {
    throw std::runtime_error("expected x of shape [steps, 1, inputs] and a hidden_size");
  }
  const std::int64_t steps = shape[0], inputs = shape[2];
  if (hidden > std::int64_t{1} << 20 || node.shape(1) != Shape{1, 4 * hidden, inputs} ||
      node.shape(2) != Shape{1, 4 * hidden, hidden}) {
    throw std::runtime_error("weights that do not fit hidden_size");
  }
  const auto n = static_cast<std::size_t>(hidden), sums = 4 * n;
  node.b.hold(packed_size(static_cast<std::size_t>(inputs), sums) + packed_size(n, sums));
  node.b.multiply(static_cast<std::size_t>(steps), sums, n + static_cast<std::size_t>(inputs));
  std::vector<float> bias(sums, 0.0F);
  if (node.has_input(3)) {
    if (node.shape(3) != Shape{1, 8 * hidden}) throw std::runtime_error("a bias that does not fit hidden_size");
    const auto& both = node.floats(3);
    for (std::size_t i = 0; i < sums; ++i) bias[i] = both[i] + both[sums + i];
  }
  const auto initial = [&](std::size_t input) {
    if (node.has_input(input)) {
      if (node.shape(input) != Shape{1, 1, hidden}) throw std::runtime_error("a state that does not fit hidden_size");
      return node.input(input);
    }
    return node.b.constant({{1, 1, hidden}, true, std::vector<float>(n, 0.0F), {}});
  };
  Panels input = pack(node.floats(1).data(), static_cast<std::size_t>(inputs), sums, true, nullptr);
  Panels recurrent = pack(node.floats(2).data(), n, sums, true, bias.data());
  const auto operation =
      std::make_shared<LstmOperation>(std::move(input), std::move(recurrent), static_cast<std::size_t>(steps));
  const Shape state{1, 1, hidden}, scratch{4 * hidden * (steps + 1) + hidden};
  count(scratch);
  const auto out =
      node.b.emit(operation, {node.input(0), initial(5), initial(6)}, {{steps, 1, 1, hidden}, state, state, scratch});
  for (std::size_t i = 0; i < 3; ++i) node.output(i, out[i]);
}

}  // namespace

const Operators& recurrent_operators() {
  static const Operators operators{{"LSTM", lstm}, {"GRU", lower_gru}};
  return operators;
}

}  // namespace learn_rt
