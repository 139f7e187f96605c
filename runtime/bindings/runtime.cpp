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
#include "python_backend.h"
#include "python_rollout.h"
#include "python_signals.h"
#include "turn.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

using Answers = py::array_t<float>;
using Flags = py::array_t<std::uint32_t>;

constexpr const char* kOneThread = "a session is one thread's: open one for each thread";

// A Session for one Python thread at a time: run() gives the GIL away, so another could come in.
class PySession {
 public:
  explicit PySession(const Model& model) : session_(open(model)) {}

  void begin(const py::object& rest) {
    const Turn turn(busy_, kOneThread);
    if (rest.is_none()) {
      const py::gil_scoped_release release;
      session_->begin(nullptr);
      return;
    }
    const FloatArray sample = floats(rest, "rest", {n_features()});
    const py::gil_scoped_release release;
    session_->begin(sample.data());
  }

  py::tuple step(const py::object& sample) {
    const Turn turn(busy_, kOneThread);
    const FloatArray x = floats(sample, "a sample", {n_features()}, "pass several to run()");
    Answers answer(n_outputs());
    std::uint32_t flags = session_->step(x.data(), answer.mutable_data());
    return py::make_tuple(std::move(answer), flags);
  }

  void settle() {
    const Turn turn(busy_, kOneThread);
    session_->settle();
  }

  py::tuple run(const py::object& samples) {
    const Turn turn(busy_, kOneThread);
    const FloatArray x = floats(samples, "samples", {-1, n_features()}, "pass one to step()");
    const py::ssize_t n = x.shape(0);
    Answers answers({n, n_outputs()});
    Flags flags(n);
    float* y = answers.mutable_data();
    std::uint32_t* bits = flags.mutable_data();
    {
      const py::gil_scoped_release release;
      session_->run(x.data(), static_cast<std::size_t>(n), y, bits);
    }
    return py::make_tuple(std::move(answers), std::move(flags));
  }

  py::tuple flush() {
    const Turn turn(busy_, kOneThread);
    const auto n = static_cast<py::ssize_t>(session_->preview());
    Answers answers({n, n_outputs()});
    Flags flags(n);
    float* y = answers.mutable_data();
    std::uint32_t* bits = flags.mutable_data();
    {
      const py::gil_scoped_release release;
      session_->flush(y, bits);
    }
    return py::make_tuple(std::move(answers), std::move(flags));
  }

 private:
  static std::unique_ptr<Session> open(const Model& model) {
    if (model.spec().kind == Kind::kRollout) throw py::value_error("a rollout model has no samples: open rollouts()");
    return model.open();
  }

  py::ssize_t n_features() const { return static_cast<py::ssize_t>(session_->n_features()); }
  py::ssize_t n_outputs() const { return static_cast<py::ssize_t>(session_->n_outputs()); }

  std::unique_ptr<Session> session_;
  std::atomic<bool> busy_{false};
};

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
      .def(
          "session", [](const Model& self) { return std::make_unique<PySession>(self); },
          "Return a new session, warming up.")
      .def("infer", &infer, py::arg("windows"), py::arg("actions") = py::none(),
           "Return the answers (batch, n_outputs) to whole windows (batch, window, n_features), as model.onnx gives "
           "them:\n"
           "no envelope, no ranges. A rollout model takes actions (batch, horizon, n_actions) too, and answers\n"
           "(batch, horizon, n_states).");

  bind_rollout(m, model);
  bind_signals(m, model);

  py::class_<PySession>(m, "Session", "One stream's state on one model. One thread at a time.")
      .def("begin", &PySession::begin, py::arg("rest") = py::none(),
           "Forget everything. With `rest` (n_features,) the window is filled as if that sample had stood for ever.")
      .def("step", &PySession::step, py::arg("sample"),
           "Return (answer (n_outputs,) float32, Flag bits) for one sample (n_features,).")
      .def("settle", &PySession::settle, "Do the work that does not need the next sample, once the answer is out.")
      .def("run", &PySession::run, py::arg("samples"),
           "Return (answers (n, n_outputs) float32, Flag bits (n,) uint32) for samples (n, n_features).")
      .def("flush", &PySession::flush,
           "Return (answers, flags) of the last `preview` ticks, the last sample taken as standing for ever.");

  py::class_<EnvelopeLimiter>(m, "EnvelopeLimiter",
                              "Keeps one output inside its envelope in value, rate and second difference.")
      .def(py::init(&make_limiter), py::arg("envelope"), py::arg("dt_s"), py::arg("start") = 0.0)
      .def("next", &EnvelopeLimiter::next, py::arg("wanted"),
           "Return the value nearest to `wanted` that is allowed next.")
      .def("limit", &limit, py::arg("wanted"), "Return next() of each value of `wanted` (n,) in turn, (n,) float32.")
      .def("reset", &EnvelopeLimiter::reset, py::arg("value"), "Forget the past: the output stands at `value`.")
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
  m.def("register_onnxruntime", &register_onnxruntime, py::arg("load"));
}
