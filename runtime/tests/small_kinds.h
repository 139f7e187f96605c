#pragma once

#include <memory>
#include <string>
#include <vector>

#include "learn_rt/model.h"

namespace learn_rt::testing {

struct SmallKind {
  std::string name;
  std::shared_ptr<const Model> model;
};

// A made-up model of each kind that answers samples, on the native engine: 3 features, 2 outputs. Each is one way in
// which the engine runs: `pointwise`, `whole window` (convolutions), `lanes` (an LSTM in a window), `stateful`. Outputs
// have an envelope, and training saw values up to 10.
std::vector<SmallKind> small_kinds();

// y = W3 relu(W2 relu(W1 x)), 3 to 24 to 24 to 2 without any constant: what goes in small comes out small.
std::shared_ptr<const Model> pure_product();

// h' = 0.999 h + W x, y = V h: what came in dies away, for ever.
std::shared_ptr<const Model> leaking_state();

}  // namespace learn_rt::testing
