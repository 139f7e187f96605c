#include "rollout_bindings.h"

#include <pybind11/stl.h>

#include <atomic>
#include <optional>
#include <stdexcept>

#include "learn_rt/spec.h"
#include "python_arrays.h"

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

// A RolloutClient for one Python thread at a time: the GIL is released while it waits, so a second thread could get in.
class PyRolloutClient {
 public:
  PyRolloutClient(const std::string& address, const std::string& model, const RolloutClientOptions& options) {
    {
      const py::gil_scoped_release release;
      client_ = RolloutClient::connect(address, model, options);
    }
    const Spec spec = Spec::parse(client_->spec_json());
    n_states_ = spec.n_outputs();
    n_actions_ = spec.n_actions();
    spec_ = py::module_::import("learn_rt.spec").attr("Spec").attr("from_json")(client_->spec_json());
  }
  ~PyRolloutClient() { close(); }
  PyRolloutClient(const PyRolloutClient&) = delete;
  PyRolloutClient& operator=(const PyRolloutClient&) = delete;

  void close() {
    const Turn turn(*this);
    const py::gil_scoped_release release;
    client_.reset();
  }

  void observe(const py::object& state, const py::object& action) {
    const Turn turn(*this);
    const Floats x = as_vector(state, "state", n_states_), a = as_vector(action, "action", n_actions_);
    open().observe(x.data(), a.data());
  }

  PyOutcome rollout(const py::object& actions, std::optional<double> deadline_s, std::optional<double> deadline_us) {
    const Turn turn(*this);
    RolloutClient& client = open();
    if (deadline_s.has_value() == deadline_us.has_value())
      throw py::type_error("rollout() needs either deadline_s or deadline_us");
    const std::chrono::nanoseconds deadline(deadline_s ? as_nanoseconds(*deadline_s, "deadline_s")
                                                       : as_nanoseconds(*deadline_us * 1e-6, "deadline_us"));
    const Floats a = as_floats(actions, "actions");
    if (a.ndim() != 3 || static_cast<std::size_t>(a.shape(2)) != n_actions_)
      throw py::value_error("actions must have shape (candidates, horizon, " + std::to_string(n_actions_) + "), got " +
                            shape_of(a) + ": one plan is actions[None]");
    const auto candidates = static_cast<std::size_t>(a.shape(0)), horizon = static_cast<std::size_t>(a.shape(1));
    PyOutcome made;
    py::array_t<float> states({a.shape(0), a.shape(1), static_cast<py::ssize_t>(n_states_)});
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

  py::object spec() const { return spec_; }
  const std::string& spec_json() { return open().spec_json(); }
  std::string last_error() { return open().last_error(); }
  RolloutStats stats() { return open().stats(); }

 private:
  // Holds the client for one call.
  class Turn {
   public:
    explicit Turn(PyRolloutClient& client) : busy_(client.busy_) {
      if (busy_.test_and_set()) throw std::runtime_error("a client belongs to one thread: another call is running");
    }
    ~Turn() { busy_.clear(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    std::atomic_flag& busy_;
  };

  RolloutClient& open() {
    if (!client_) throw py::value_error("the client is closed");
    return *client_;
  }

  std::unique_ptr<RolloutClient> client_;
  std::size_t n_states_ = 0, n_actions_ = 0;
  py::object spec_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

double microseconds(std::int64_t ns) { return static_cast<double>(ns) * 1e-3; }

}  // namespace

py::object connect_rollout(const std::string& address, const std::string& model, const RolloutClientOptions& options) {
  try {
    return py::cast(std::make_unique<PyRolloutClient>(address, model, options));
  } catch (const std::runtime_error& error) {
    PyErr_SetString(PyExc_ConnectionError, error.what());
    throw py::error_already_set();
  }
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

  py::class_<PyRolloutClient>(m, "RolloutClient", py::module_local())
      .def("observe", &PyRolloutClient::observe, "state"_a, "action"_a)
      .def("rollout", &PyRolloutClient::rollout, "actions"_a, "deadline_s"_a = py::none(), py::kw_only(),
           "deadline_us"_a = py::none())
      .def("close", &PyRolloutClient::close)
      .def_property_readonly("spec", &PyRolloutClient::spec)
      .def_property_readonly("spec_json", &PyRolloutClient::spec_json)
      .def_property_readonly("stats", &PyRolloutClient::stats)
      .def_property_readonly("last_error", &PyRolloutClient::last_error)
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](PyRolloutClient& self, const py::args&) { self.close(); });
}

}  // namespace learn_rt::client
