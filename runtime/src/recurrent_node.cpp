#include "recurrent_node.h"

#include <stdexcept>

#include "moves.h"

namespace learn_rt {
namespace {

constexpr std::int64_t kMaxSize = std::int64_t{1} << 20;

void check_attributes(NodeContext& node, const std::vector<std::string>& activations) {
  const std::string direction = node.text("direction", "forward");
  if (direction != "forward") {
    throw std::runtime_error("attribute direction = " + direction.substr(0, 32) + " is not supported, only forward");
  }
  if (node.has("clip")) throw std::runtime_error("attribute clip is not supported");
  const auto given = node.text_list("activations");
  if (!given || *given == activations) return;
  std::string names;
  for (const std::string& name : *given) names += (names.empty() ? "" : ", ") + name.substr(0, 32);
  throw std::runtime_error("attribute activations = " + names.substr(0, 128) + " is not supported");
}

// Each sequence must be as long as the node's steps.
void check_lengths(NodeContext& node, const RecurrentNode& n) {
  if (!node.has_input(4)) return;
  for (const std::int64_t length : node.integers(4)) {
    if (length != static_cast<std::int64_t>(n.steps)) {
      throw std::runtime_error("sequence_lens of " + std::to_string(length) + " in " + std::to_string(n.steps) +
                               " steps is not supported");
    }
  }
}

}  // namespace

RecurrentNode RecurrentNode::read(NodeContext& node, std::size_t gates, const std::vector<std::string>& activations) {
  check_attributes(node, activations);
  const std::int64_t hidden = node.integer("hidden_size", 0), layout = node.integer("layout", 0);
  const Shape shape = node.shape(0);
  if (layout != 0 && layout != 1) throw std::runtime_error("layout = " + std::to_string(layout) + " is not supported");
  if (shape.size() != 3 || count(shape) == 0) throw std::runtime_error("expected x of shape [steps, batch, inputs]");
  if (hidden < 1 || hidden > kMaxSize) throw std::runtime_error("hidden_size = " + std::to_string(hidden));
  const std::int64_t sums = static_cast<std::int64_t>(gates) * hidden;
  if (node.shape(1) != Shape{1, sums, shape[2]} || node.shape(2) != Shape{1, sums, hidden}) {
    throw std::runtime_error("weights that do not fit hidden_size");
  }
  RecurrentNode n;
  n.batch_first = layout == 1;
  n.steps = static_cast<std::size_t>(shape[n.batch_first ? 1 : 0]);
  n.batch = static_cast<std::size_t>(shape[n.batch_first ? 0 : 1]);
  n.inputs = static_cast<std::size_t>(shape[2]);
  n.size = static_cast<std::size_t>(hidden);
  n.x = n.batch_first ? permuted(node.b, node.input(0), {1, 0, 2}) : node.input(0);
  check_lengths(node, n);
  n.bias.assign(2 * gates * n.size, 0.0F);
  if (node.has_input(3)) {
    if (node.shape(3) != Shape{1, 2 * sums}) throw std::runtime_error("a bias that does not fit hidden_size");
    n.bias = node.floats(3);
  }
  node.b.multiply(n.steps * n.batch, gates * n.size, n.size + n.inputs);
  return n;
}

ValueId RecurrentNode::initial(NodeContext& node, std::size_t input) const {
  const Shape shape = state_shape();
  if (!node.has_input(input)) return node.b.constant({shape, true, std::vector<float>(batch * size, 0.0F), {}});
  const Shape given = batch_first ? Shape{shape[0], 1, shape[1]} : Shape{1, shape[0], shape[1]};
  if (node.shape(input) != given) throw std::runtime_error("a state that does not fit hidden_size");
  return node.b.reshape(node.input(input), shape);
}

void RecurrentNode::write_sequence(NodeContext& node, ValueId y) const {
  if (!node.has_output(0)) return;
  const auto length = static_cast<std::int64_t>(steps);
  const Shape state = state_shape();
  const ValueId rows = node.b.reshape(y, {length, state[0], state[1]});
  if (!batch_first) return node.output(0, node.b.reshape(rows, {length, 1, state[0], state[1]}));
  node.output(0, node.b.reshape(permuted(node.b, rows, {1, 0, 2}), {state[0], length, 1, state[1]}));
}

void RecurrentNode::write_state(NodeContext& node, std::size_t output, ValueId state) const {
  if (!node.has_output(output)) return;
  const Shape shape = state_shape();
  node.output(output, node.b.reshape(state, batch_first ? Shape{shape[0], 1, shape[1]} : Shape{1, shape[0], shape[1]}));
}

}  // namespace learn_rt
