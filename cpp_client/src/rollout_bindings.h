#pragma once

#include <pybind11/pybind11.h>

#include <string>

#include "learn_rt/rollout_client.h"

namespace learn_rt::client {

// Returns a RolloutClient for Python. Raises ConnectionError.
pybind11::object connect_rollout(const std::string& address, const std::string& model,
                                 const RolloutClientOptions& options);

void bind_rollout(pybind11::module_& m);

}  // namespace learn_rt::client
