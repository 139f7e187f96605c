#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "learn_rt/client.h"

namespace learn_rt::client {

// Adds Client, Prediction and Stats to the module.
void bind_samples(pybind11::module_& m);

// A Client for Python. Raises ConnectionError; throws IsRollout for a model of kind rollout.
pybind11::object connect_samples(const std::string& address, const std::string& model, const ClientOptions& options);

}  // namespace learn_rt::client
