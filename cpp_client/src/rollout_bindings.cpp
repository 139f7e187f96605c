#include "rollout_bindings.h"

#include <pybind11/stl.h>

#include <optional>

#include "arrays.h"
#include "learn_rt/flags.h"
#include "python_handle.h"

using namespace pybind11::literals;

namespace learn_rt::client {
namespace {

// What rollout() returns: the outcome, with the states when they came.
struct PyOutcome {
  RolloutOutcome outcome;
  std::optional<py::array_t<float>> states;
  std::optional<py::array_t<std::uint32_t>> flags;

  bool has(std::uint32_t bits) const { return (outcome.flags & bits) != 0; }
};

class PyRolloutClient : public PythonHandle<RolloutClient> {
 public:
  using PythonHandle::PythonHandle;

  void observe(const py::object& state, const py::object& action) {
    const Turn held = turn();
    const FloatArray x = floats(state, "state", {n_states()}), a = floats(action, "action", {n_actions()});
    open().observe(x.data(), a.data());
  }

  PyOutcome rollout(const py::object& actions, std::optional<double> deadline_s, std::optional<double> deadline_us) {
    const Turn held = turn();
    RolloutClient& client = open();
    const std::chrono::nanoseconds deadline = as_deadline(deadline_s, deadline_us, "rollout()");
    const FloatArray a = floats(actions, "actions", {-1, -1, n_actions()}, "one plan is actions[None]");
    const auto candidates = static_cast<std::size_t>(a.shape(0)), horizon = static_cast<std::size_t>(a.shape(1));
    PyOutcome made;
    py::array_t<float> states({a.shape(0), a.shape(1), n_states()});
    py::array_t<std::uint32_t> flags(a.shape(0));
    float* to = states.mutable_data();
    std::uint32_t* bits = flags.mutable_data();
    {
      const py::gil_scoped_release release;
      made.outcome = client.rollout(a.data(), candidates, horizon, deadline, to, bits);
    }
    if (made.outcome.answered()) {
      made.states = std::move(states);
      made.flags = std::move(flags);
    }
    return made;
  }

 private:
  py::ssize_t n_states() const { return static_cast<py::ssize_t>(promised().n_outputs()); }
  py::ssize_t n_actions() const { return static_cast<py::ssize_t>(promised().n_actions()); }
};

double microseconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }

}  // namespace

py::object connect_rollout(const std::string& address, const std::string& model, const RolloutClientOptions& options) {
  return connect_as<PyRolloutClient>(address, model, options);
}

void bind_rollout(py::module_& m) {
  py::class_<PyOutcome>(m, "Rollout", py::module_local())
      .def_readonly("states", &PyOutcome::states)
      .def_readonly("flags", &PyOutcome::flags)
      .def_property_readonly("all_flags", [](const PyOutcome& r) { return r.outcome.flags; })
      .def_property_readonly("sequence", [](const PyOutcome& r) { return r.outcome.sequence; })
      .def_property_readonly("latency_us", [](const PyOutcome& r) { return microseconds(r.outcome.latency_ns); })
      .def_property_readonly("compute_us", [](const PyOutcome& r) { return microseconds(r.outcome.compute_ns); })
      .def_property_readonly("warming_up", [](const PyOutcome& r) { return r.has(kWarmingUp); })
      .def_property_readonly("out_of_trained_range", [](const PyOutcome& r) { return r.has(kOutOfTrainedRange); })
      .def_property_readonly("refused", [](const PyOutcome& r) { return r.has(kRefused); })
      .def_property_readonly("late", [](const PyOutcome& r) { return r.has(kLate); })
      .def_property_readonly("disconnected", [](const PyOutcome& r) { return r.has(kDisconnected); })
      .def("__bool__", [](const PyOutcome& r) { return r.outcome.answered(); })
      .def("__repr__", [](const PyOutcome& r) {
        return py::str("Rollout(sequence={}, flags={}, latency_us={:.1f})")
            .format(r.outcome.sequence, r.outcome.flags, microseconds(r.outcome.latency_ns));
      });

  py::class_<RolloutStats>(m, "RolloutStats", py::module_local())
      .def_readonly("answered", &RolloutStats::answered)
      .def_readonly("missed", &RolloutStats::missed)
      .def_readonly("late", &RolloutStats::late)
      .def_readonly("reconnects", &RolloutStats::reconnects);

  py::class_<PyRolloutClient> client(m, "RolloutClient", py::module_local());
  client.def("observe", &PyRolloutClient::observe, "state"_a, "action"_a)
      .def("rollout", &PyRolloutClient::rollout, "actions"_a, "deadline_s"_a = py::none(), py::kw_only(),
           "deadline_us"_a = py::none());
  PyRolloutClient::bind(client);
}

}  // namespace learn_rt::client
