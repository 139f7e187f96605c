// learn_rt._client: what `connect` gives Python is a Client or, of a model of kind rollout, a RolloutClient.

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "address.h"
#include "arrays.h"
#include "learn_rt/client.h"
#include "option_bindings.h"
#include "python_handle.h"
#include "rollout_bindings.h"
#include "sample_bindings.h"

using namespace pybind11::literals;

namespace learn_rt::client {
namespace {

// The first option that was given and is not for a model of kind rollout, or null.
const char* not_for_rollouts(const ClientOptions& options) {
  const ClientOptions none;
  if (options.swap != none.swap) return "swap";
  if (options.crossfade_s != none.crossfade_s) return "crossfade_s";
  if (options.on_miss != none.on_miss) return "on_miss";
  if (options.wait != none.wait) return "wait";
  if (options.capacity != none.capacity) return "capacity";
  if (options.io_cpu != none.io_cpu) return "io_cpu";
  if (!options.fallback_model.empty()) return "fallback_model";
  if (options.fault_after != 0) return "fault_after";
  if (!options.inputs.empty()) return "inputs";
  if (!options.envelope.empty()) return "envelope";
  if (options.lead_s != 0.0) return "lead_s";
  if (!options.record.empty()) return "record";
  return nullptr;
}

py::object connect_any(const std::string& address, const std::string& model, const std::string& version,
                       const std::string& swap, double crossfade_s, const std::string& on_miss, const py::object& rest,
                       const std::string& wait, const std::vector<std::string>& failover,
                       const std::string& fallback_model, std::size_t fault_after, const py::dict& inputs,
                       const py::dict& envelope, double lead_s, std::uint64_t jitter_seed, std::size_t capacity,
                       const std::string& contract_hash, double connect_timeout_s, int io_cpu,
                       std::size_t max_candidates, std::size_t max_horizon, std::size_t threads,
                       const std::string& tls_ca, const std::string& tls_cert, const std::string& tls_key,
                       const std::string& token, const std::string& token_file, const std::string& record,
                       double record_s) {
  ClientOptions options;
  options.version = version;
  options.swap = as_swap(swap);
  options.crossfade_s = crossfade_s;
  options.on_miss = as_on_miss(on_miss);
  if (!rest.is_none()) {
    const FloatArray values = floats(rest, "rest", {-1}, "one sample");
    if (values.size() == 0) throw py::value_error("rest must be one sample, (n_features,), got none");
    options.rest.assign(values.data(), values.data() + values.size());
  }
  options.wait = as_wait(wait);
  options.failover = failover;
  options.fallback_model = fallback_model;
  options.fault_after = fault_after;
  options.inputs = as_input_policies(inputs);
  options.envelope = as_envelopes(envelope);
  options.lead_s = lead_s;
  options.jitter_seed = jitter_seed;
  options.capacity = capacity;
  options.contract_hash = contract_hash;
  options.connect_timeout =
      std::chrono::ceil<std::chrono::milliseconds>(as_time(connect_timeout_s, "connect_timeout_s"));
  options.io_cpu = io_cpu;
  options.record = record;
  options.record_s = record_s;
  options.security = {tls_ca, tls_cert, tls_key, token_file, token};
  try {
    // In process, a model that needs ONNX Runtime gets it through the runtime's Python side.
    bool in_process = Address::parse(address).scheme == Scheme::kInproc;
    for (const std::string& next : failover) in_process |= Address::parse(next).scheme == Scheme::kInproc;
    if (in_process) py::module_::import("learn_rt.runtime");
  } catch (const std::runtime_error& error) {
    throw py::value_error(error.what());
  }
  try {
    return connect_samples(address, model, options);
  } catch (const IsRollout&) {
    if (const char* given = not_for_rollouts(options)) {
      throw py::value_error(std::string(given) + " is not for a model of kind rollout, as " + model + " is");
    }
    RolloutClientOptions of_rollout;
    of_rollout.version = version;
    of_rollout.failover = failover;
    of_rollout.jitter_seed = jitter_seed;
    of_rollout.rest = options.rest;
    of_rollout.contract_hash = contract_hash;
    of_rollout.connect_timeout = options.connect_timeout;
    of_rollout.max_candidates = max_candidates;
    of_rollout.max_horizon = max_horizon;
    of_rollout.threads = threads;
    of_rollout.security = options.security;
    return connect_rollout(address, model, of_rollout);
  }
}

}  // namespace
}  // namespace learn_rt::client

PYBIND11_MODULE(_client, m) {
  using learn_rt::ClientOptions;
  using learn_rt::RolloutClientOptions;
  namespace c = learn_rt::client;
  namespace py = pybind11;
  m.doc() = "The C++ client; see learn_rt.client.";
  c::bind_samples(m);
  c::bind_rollout(m);
  m.def("connect", &c::connect_any, "address"_a, "model"_a, "version"_a = "stable", py::kw_only(), "swap"_a = "pinned",
        "crossfade_s"_a = ClientOptions().crossfade_s, "on_miss"_a = "hold", "rest"_a = py::none(), "wait"_a = "doze",
        "failover"_a = py::tuple(), "fallback_model"_a = "", "fault_after"_a = 0, "inputs"_a = py::dict(),
        "envelope"_a = py::dict(), "lead_s"_a = 0.0, "jitter_seed"_a = 0, "capacity"_a = 1024, "contract_hash"_a = "",
        "connect_timeout_s"_a = 5.0, "io_cpu"_a = -1, "max_candidates"_a = RolloutClientOptions().max_candidates,
        "max_horizon"_a = RolloutClientOptions().max_horizon, "threads"_a = RolloutClientOptions().threads,
        "tls_ca"_a = "", "tls_cert"_a = "", "tls_key"_a = "", "token"_a = "", "token_file"_a = "", "record"_a = "",
        "record_s"_a = ClientOptions().record_s);
}
