// learn_rt._runtime: the runtime for Python. Arrays are checked here, at the edge; the GIL is free while numbers are
// computed.

#include <pybind11/native_enum.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "arrays.h"
#include "learn_rt/envelope.h"
#include "learn_rt/flags.h"
#include "learn_rt/model.h"
#include "operator_names.h"
#include "python_backend.h"
#include "python_rollout.h"
#include "python_session.h"
#include "python_signals.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

using Answers = py::array_t<float>;

Answers infer(const Model& model, const py::object& windows, const py::object& actions) {
  const Spec& spec = model.spec();
  if (spec.kind == Kind::kRollout) return infer_rollout(model, windows, actions);
  if (!actions.is_none()) throw py::type_error("only a rollout model takes actions");
  const auto n_features = static_cast<py::ssize_t>(spec.n_features()), window = static_cast<py::ssize_t>(spec.window);
  const FloatArray x = spec.kind == Kind::kPointwise
                           ? floats(windows, "samples", {-1, n_features})
                           : floats(windows, "windows", {-1, window, n_features}, "pass samples one by one to step()");
  Answers answers({x.shape(0), static_cast<py::ssize_t>(spec.n_outputs())});
  float* y = answers.mutable_data();
  const py::gil_scoped_release release;
  model.infer(x.data(), static_cast<std::size_t>(x.shape(0)), y);
  return answers;
}

py::object python_spec(const Model& model) {
  return py::module_::import("learn_rt.spec").attr("Spec").attr("from_json")(model.spec().json);
}

EnvelopeLimiter make_limiter(const py::object& envelope, double dt_s, double start) {
  const Envelope bounds{envelope.attr("value").cast<double>(), envelope.attr("rate").cast<double>(),
                        envelope.attr("second").cast<double>()};
  if (!(bounds.value > 0 && bounds.rate > 0 && bounds.second > 0 && dt_s > 0)) {
    throw py::value_error("the envelope's bounds and dt_s must be above 0");
  }
  if (bounds.second * dt_s * dt_s < EnvelopeLimiter::finest_change(bounds.value)) {
    throw py::value_error("envelope.second * dt_s^2 is finer than a float at envelope.value can keep");
  }
  if (!(std::abs(start) <= bounds.value)) throw py::value_error("start must be inside the envelope");
  return {bounds, dt_s, start};
}

Answers limit(EnvelopeLimiter& limiter, const py::object& wanted) {
  const FloatArray requests = floats(wanted, "wanted", {-1});
  Answers given(requests.shape(0));
  float* y = given.mutable_data();
  const py::gil_scoped_release release;
  for (py::ssize_t i = 0; i < requests.shape(0); ++i) y[i] = limiter.next(requests.data()[i]);
  return given;
}

}  // namespace
}  // namespace learn_rt

PYBIND11_MODULE(_runtime, m) {
  using namespace learn_rt;  // NOLINT: the module's own names
  m.doc() = "Model folders in process: load one, open a session, answer samples in microseconds.";

  py::native_enum<Flag>(m, "Flag", "enum.IntFlag", "What is to be known about one answer.")
      .value("WARMING_UP", kWarmingUp)
      .value("OUT_OF_TRAINED_RANGE", kOutOfTrainedRange)
      .value("LIMITED", kLimited)
      .value("REFUSED", kRefused)
      .value("LATE", kLate)
      .value("DISCONNECTED", kDisconnected)
      .finalize();

  py::class_<Model, std::shared_ptr<Model>> model(m, "Model",
                                                  "A loaded version folder. Any thread may open sessions on it.");
  model
      .def_property_readonly(
          "spec_json", [](const Model& self) { return self.spec().json; }, "spec.json, to the byte.")
      .def_property_readonly("spec", &python_spec, "The model's learn_rt.spec.Spec.")
      .def_property_readonly("backend", &Model::backend, "native, onnxruntime or torchscript.")
      .def_property_readonly("choice", &Model::choice, "The backend taken, and why the ones before it were not.")
      .def_property_readonly(
          "n_matrices", [](const Model& self) { return self.footprint().matrices; },
          "How many matrices are large enough to be kept in fewer bits; 0 where the backend does not tell.")
      .def("infer", &infer, py::arg("windows"), py::arg("actions") = py::none(),
           "Return the answers (batch, n_outputs) to whole windows (batch, window, n_features), as model.onnx gives "
           "them:\n"
           "no envelope, no ranges. A rollout model takes actions (batch, horizon, n_actions) too, and answers\n"
           "(batch, horizon, n_states).");

  bind_session(m, model);
  bind_rollout(m, model);
  bind_signals(m, model);

  py::class_<EnvelopeLimiter>(m, "EnvelopeLimiter",
                              "Keeps one output inside its envelope in value, rate and second difference.")
      .def(py::init(&make_limiter), py::arg("envelope"), py::arg("dt_s"), py::arg("start") = 0.0)
      .def("next", &EnvelopeLimiter::next, py::arg("wanted"),
           "Return the value nearest to `wanted` that is allowed next.")
      .def("limit", &limit, py::arg("wanted"), "Return next() of each value of `wanted` (n,) in turn, (n,) float32.")
      .def("reset", &EnvelopeLimiter::reset, py::arg("value"), "Forget the past: the output stands at `value`.")
      .def("resume", &EnvelopeLimiter::resume, py::arg("before"), py::arg("last"),
           "Go on from two values in turn that another limiter gave out.")
      .def_property_readonly("last", &EnvelopeLimiter::last, "The last value given.");

  m.def(
      "load",
      [](const std::filesystem::path& folder, const std::string& backend) {
        const py::gil_scoped_release release;
        return std::const_pointer_cast<Model>(Model::load(folder, backend));
      },
      py::arg("folder"), py::arg("backend") = "auto",
      "Return the model of a version folder, its checksums verified and its golden samples replayed.\n\n"
      "Args: backend: native, onnxruntime, torchscript, or auto: the first of these that can run the model and "
      "passes.\n"
      "Raises: RuntimeError: the file and what is wrong with it, or each backend's cause.");
  m.def("native_operators", &operator_names,
        "Return the names of the ONNX operators that the native engine runs, sorted.");
  m.def("register_onnxruntime", &register_onnxruntime, py::arg("load"));
}
