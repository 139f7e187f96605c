#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "learn_rt/client_options.h"

namespace learn_rt::client {

// Names of options as Python gives them. Each raises ValueError with the names that there are.
OnMiss as_on_miss(const std::string& name);
Swap as_swap(const std::string& name);
Wait as_wait(const std::string& name);

// {signal: {"not_finite": "hold", ..., "stale_s": 0.1}}; the signal "" stands for all others. Raises ValueError,
// TypeError.
std::vector<InputPolicy> as_input_policies(const pybind11::dict& inputs);
// {output: {"value": 1.0, "rate": 2.0, "second": 3.0}}. Raises ValueError, TypeError.
std::vector<OutputEnvelope> as_envelopes(const pybind11::dict& envelope);

}  // namespace learn_rt::client
