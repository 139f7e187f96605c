#pragma once

#include <cstddef>

#include "learn_rt/client_options.h"
#include "learn_rt/spec.h"

namespace learn_rt::client {

// What must hold of the options by themselves, and for a model. Throw std::runtime_error; IsRollout for a rollout.
void check(const ClientOptions& options);
void check(const ClientOptions& options, const Spec& spec);

// `lead_s` in ticks.
std::size_t lead_of(const ClientOptions& options, const Spec& spec);

}  // namespace learn_rt::client
