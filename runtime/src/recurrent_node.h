#pragma once

#include <string>
#include <vector>

#include "lowering.h"

namespace learn_rt {

// What LSTM, GRU and RNN nodes have in common: one layer, forward, with all sequences of one length.
struct RecurrentNode {
  std::size_t steps = 0, batch = 0, inputs = 0, size = 0;
  bool batch_first = false;  // the layout of the node's inputs and outputs
  ValueId x = 0;             // [steps, batch, inputs]
  std::vector<float> bias;   // [2][gates size]: of the input's share and of the state's

  // Reads what stands in the file for a cell of so many gates. `activations` are the only ones it may name, which it
  // need not. Throws std::runtime_error: what does not fit, or the attribute that is not supported.
  static RecurrentNode read(NodeContext& node, std::size_t gates, const std::vector<std::string>& activations);

  // The first state [batch, size]: zeros when the node does not give it.
  ValueId initial(NodeContext& node, std::size_t input) const;
  // Give the node's first output from [steps, batch, size], and a state from [batch, size].
  void write_sequence(NodeContext& node, ValueId y) const;
  void write_state(NodeContext& node, std::size_t output, ValueId state) const;

  Shape state_shape() const { return {static_cast<std::int64_t>(batch), static_cast<std::int64_t>(size)}; }
};

}  // namespace learn_rt
