// learn_rt._client: what `connect` gives Python is a Client or, of a model of kind rollout, a RolloutClient.

#include <pybind11/pybind11.h>

#include <chrono>
#include <stdexcept>
#include <string>

#include "address.h"
#include "arrays.h"
#include "learn_rt/client.h"
#include "python_handle.h"
#include "rollout_bindings.h"
#include "sample_bindings.h"

using namespace pybind11::literals;

namespace learn_rt::client {
namespace {

OnMiss as_policy(const std::string& name) {
  if (name == "hold") return OnMiss::kHold;
  if (name == "zero") return OnMiss::kZero;
  if (name == "nominal") return OnMiss::kNominal;
  throw py::value_error("on_miss must be 'hold', 'zero' or 'nominal', got '" + name + "'");
}

Wait as_wait(const std::string& name) {
  if (name == "sleep") return Wait::kSleep;
  if (name == "doze") return Wait::kDoze;
  if (name == "spin") return Wait::kSpin;
  throw py::value_error("wait must be 'sleep', 'doze' or 'spin', got '" + name + "'");
}

py::object connect_any(const std::string& address, const std::string& model, const std::string& version,
                       const std::string& on_miss, const py::object& rest, const std::string& wait,
                       std::size_t capacity, const std::string& contract_hash, double connect_timeout_s, int io_cpu,
                       std::size_t max_candidates, std::size_t max_horizon, std::size_t threads,
                       const std::string& tls_ca, const std::string& tls_cert, const std::string& tls_key,
                       const std::string& token, const std::string& token_file, const std::string& record,
                       double record_s) {
  ClientOptions options;
  options.version = version;
  options.on_miss = as_policy(on_miss);
  if (!rest.is_none()) {
    const FloatArray values = floats(rest, "rest", {-1}, "one sample");
    if (values.size() == 0) throw py::value_error("rest must be one sample, (n_features,), got none");
    options.rest.assign(values.data(), values.data() + values.size());
  }
  options.wait = as_wait(wait);
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
    if (Address::parse(address).scheme == Scheme::kInproc) py::module_::import("learn_rt.runtime");
  } catch (const std::runtime_error& error) {
    throw py::value_error(error.what());
  }
  try {
    return connect_samples(address, model, options);
  } catch (const IsRollout&) {
    if (on_miss != "hold" || options.wait != ClientOptions().wait || capacity != ClientOptions().capacity ||
        io_cpu != -1 || !record.empty()) {
      throw py::value_error("on_miss, wait, capacity, io_cpu and record are not for a model of kind rollout, as " +
                            model + " is");
    }
    RolloutClientOptions of_rollout;
    of_rollout.version = version;
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
  m.def("connect", &c::connect_any, "address"_a, "model"_a, "version"_a = "stable", py::kw_only(), "on_miss"_a = "hold",
        "rest"_a = py::none(), "wait"_a = "doze", "capacity"_a = 1024, "contract_hash"_a = "",
        "connect_timeout_s"_a = 5.0, "io_cpu"_a = -1, "max_candidates"_a = RolloutClientOptions().max_candidates,
        "max_horizon"_a = RolloutClientOptions().max_horizon, "threads"_a = RolloutClientOptions().threads,
        "tls_ca"_a = "", "tls_cert"_a = "", "tls_key"_a = "", "token"_a = "", "token_file"_a = "", "record"_a = "",
        "record_s"_a = ClientOptions().record_s);
}
