#include "python_rollout.h"

#include "arrays.h"
#include "turn.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

py::ssize_t size(std::size_t n) { return static_cast<py::ssize_t>(n); }

// A RolloutSession for one Python thread at a time.
class PyRollout {
 public:
  explicit PyRollout(std::unique_ptr<RolloutSession> session) : session_(std::move(session)) {}

  void begin(const py::object& rest) {
    const Turn turn(busy_, kOneRolloutThread);
    if (rest.is_none()) return session_->begin(nullptr);
    const FloatArray row = floats(rest, "rest", {size(session_->n_states() + session_->n_actions())});
    session_->begin(row.data());
  }

  std::uint32_t observe(const py::object& state, const py::object& action) {
    const Turn turn(busy_, kOneRolloutThread);
    const FloatArray x = floats(state, "state", {size(session_->n_states())});
    const FloatArray a = floats(action, "action", {size(session_->n_actions())});
    return session_->observe(x.data(), a.data());
  }

  py::tuple rollout(const py::object& actions) {
    const Turn turn(busy_, kOneRolloutThread);
    const FloatArray a = floats(actions, "actions", {-1, -1, size(session_->n_actions())}, "one plan is actions[None]");
    const RolloutLimits& limits = session_->limits();
    const auto candidates = static_cast<std::size_t>(a.shape(0)), horizon = static_cast<std::size_t>(a.shape(1));
    if (candidates < 1 || candidates > limits.candidates || horizon < 1 || horizon > limits.horizon) {
      throw py::value_error("actions must hold 1 to " + std::to_string(limits.candidates) + " candidates of 1 to " +
                            std::to_string(limits.horizon) + " actions (rollouts(max_candidates, max_horizon)), got " +
                            std::to_string(candidates) + " of " + std::to_string(horizon));
    }
    py::array_t<float> states({a.shape(0), a.shape(1), size(session_->n_states())});
    py::array_t<std::uint32_t> flags(a.shape(0));
    float* to = states.mutable_data();
    std::uint32_t* bits = flags.mutable_data();
    {
      const py::gil_scoped_release release;
      session_->rollout(a.data(), candidates, horizon, to, bits);
    }
    return py::make_tuple(std::move(states), std::move(flags));
  }

  const RolloutLimits& limits() const { return session_->limits(); }

 private:
  static constexpr const char* kOneRolloutThread = "a rollout session is one thread's: open one for each thread";

  std::unique_ptr<RolloutSession> session_;
  std::atomic<bool> busy_{false};
};

std::unique_ptr<PyRollout> open_rollouts(const Model& model, std::size_t max_candidates, std::size_t max_horizon,
                                         std::size_t threads) {
  if (model.spec().kind != Kind::kRollout) throw py::value_error("only a model of kind rollout answers rollouts");
  RolloutLimits limits;
  limits.candidates = max_candidates;
  limits.horizon = max_horizon;
  limits.threads = threads;
  try {
    limits.check(model.spec().n_features());
  } catch (const std::runtime_error& error) {
    throw py::value_error(error.what());
  }
  const py::gil_scoped_release release;
  return std::make_unique<PyRollout>(model.open_rollout(limits));
}

}  // namespace

py::array_t<float> infer_rollout(const Model& model, const py::object& windows, const py::object& actions) {
  const Spec& spec = model.spec();
  const FloatArray x = floats(windows, "windows", {-1, size(spec.window), size(spec.n_features())});
  const FloatArray a = floats(actions, "actions", {x.shape(0), size(spec.horizon), size(spec.n_actions())});
  py::array_t<float> answers({x.shape(0), size(spec.horizon), size(spec.n_outputs())});
  float* y = answers.mutable_data();
  const py::gil_scoped_release release;
  model.infer_rollout(x.data(), a.data(), static_cast<std::size_t>(x.shape(0)), y);
  return answers;
}

void bind_rollout(py::module_& m, py::class_<Model, std::shared_ptr<Model>>& model) {
  py::class_<PyRollout>(m, "RolloutSession",
                        "One stream's history on a model of kind rollout, from which states to come are predicted for "
                        "many action\nsequences at once. One thread at a time.")
      .def("begin", &PyRollout::begin, py::arg("rest") = py::none(),
           "Forget everything. With `rest`, a row (n_states + n_actions,), the history is filled as if that row had\n"
           "stood for ever, and its state is the newest one.")
      .def("observe", &PyRollout::observe, py::arg("state"), py::arg("action"),
           "Take the newest state (n_states,) and the action (n_actions,) that was taken in the state before it.\n\n"
           "With the first state the action is not looked at. Returns: Flag bits; WARMING_UP while the history is not "
           "full.")
      .def("rollout", &PyRollout::rollout, py::arg("actions"),
           "Return (states (candidates, horizon, n_states) float32, Flag bits (candidates,) uint32).\n\n"
           "Args: actions: (candidates, horizon, n_actions); actions[:, 0] is taken in the newest state, and "
           "states[:, 0] comes next.")
      .def_property_readonly("max_candidates", [](const PyRollout& self) { return self.limits().candidates; })
      .def_property_readonly("max_horizon", [](const PyRollout& self) { return self.limits().horizon; });

  model.def("rollouts", &open_rollouts, py::kw_only(), py::arg("max_candidates") = RolloutLimits().candidates,
            py::arg("max_horizon") = RolloutLimits().horizon, py::arg("threads") = RolloutLimits().threads,
            "Return a new rollout session of a model of kind rollout, its history empty.");
}

}  // namespace learn_rt
