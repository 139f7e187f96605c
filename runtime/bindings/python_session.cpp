#include "python_session.h"

#include "arrays.h"
#include "bound_step.h"
#include "turn.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

using Answers = py::array_t<float>;
using Flags = py::array_t<std::uint32_t>;

// A Session for one Python thread at a time. step() and settle() keep the GIL: giving it away and taking it back costs
// about what a small net's step does, and a thread that then holds it would keep the answer waiting. The calls that
// take many samples give it away, so another thread could come in.
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

  py::tuple step(const py::object& sample, const py::object& out) {
    const Turn turn(busy_, kOneThread);
    const FloatArray x = floats(sample, "a sample", {n_features()}, "pass several to run()");
    if (!out.is_none()) {
      float* y = floats_to_write(out, "out", n_outputs());
      check_apart(x.data(), n_features(), y, n_outputs());
      return py::make_tuple(out, session_->step(x.data(), y));
    }
    Answers answer(n_outputs());
    const std::uint32_t flags = session_->step(x.data(), answer.mutable_data());
    return py::make_tuple(std::move(answer), flags);
  }

  static py::object bind(const py::object& self, const py::object& sample, const py::object& out) {
    auto& session = self.cast<PySession&>();
    return make_bound_step(self, *session.session_, session.busy_, sample, out);
  }

  void settle() {
    const Turn turn(busy_, kOneThread);
    session_->settle();
  }

  void rehearse() {
    const Turn turn(busy_, kOneThread);
    session_->rehearse();
  }

  py::bytes state() {
    const Turn turn(busy_, kOneThread);
    if (session_->state_size() == 0)
      throw py::value_error("the state of this model's sessions cannot be taken: it is not stateful, or not on native");
    std::string state(session_->state_size(), '\0');
    session_->save(state.data());
    return state;
  }

  void restore(const py::bytes& state) {
    const Turn turn(busy_, kOneThread);
    const auto bytes = static_cast<std::string_view>(state);
    session_->restore(bytes.data(), bytes.size());
  }

  py::tuple run(const py::object& samples) {
    const Turn turn(busy_, kOneThread);
    const FloatArray x = floats(samples, "samples", {-1, n_features()}, "pass one to step()");
    const py::ssize_t n = x.shape(0);
    return answered(n, [this, n, &x](float* y, std::uint32_t* flags) {
      session_->run(x.data(), static_cast<std::size_t>(n), y, flags);
    });
  }

  py::tuple flush() {
    const Turn turn(busy_, kOneThread);
    return answered(static_cast<py::ssize_t>(session_->preview()),
                    [this](float* y, std::uint32_t* flags) { session_->flush(y, flags); });
  }

 private:
  static std::unique_ptr<Session> open(const Model& model) {
    if (model.spec().kind == Kind::kRollout) throw py::value_error("a rollout model has no samples: open rollouts()");
    return model.open();
  }

  // (answers (n, n_outputs), flags (n,)), written by `work` without the GIL.
  template <typename Work>
  py::tuple answered(py::ssize_t n, const Work& work) {
    Answers answers({n, n_outputs()});
    Flags flags(n);
    float* y = answers.mutable_data();
    std::uint32_t* bits = flags.mutable_data();
    {
      const py::gil_scoped_release release;
      work(y, bits);
    }
    return py::make_tuple(std::move(answers), std::move(flags));
  }

  py::ssize_t n_features() const { return static_cast<py::ssize_t>(session_->n_features()); }
  py::ssize_t n_outputs() const { return static_cast<py::ssize_t>(session_->n_outputs()); }

  std::unique_ptr<Session> session_;
  std::atomic<bool> busy_{false};
};

}  // namespace

void bind_session(py::module_& m, py::class_<Model, std::shared_ptr<Model>>& model) {
  bind_bound_step(m);
  py::class_<PySession>(m, "Session", "One stream's state on one model. One thread at a time.")
      .def("begin", &PySession::begin, py::arg("rest") = py::none(),
           "Forget everything. With `rest` (n_features,) the window is filled as if that sample had stood for ever.")
      .def("step", &PySession::step, py::arg("sample"), py::arg("out") = py::none(),
           "Return (answer (n_outputs,) float32, Flag bits) for one sample (n_features,).\n\n"
           "Args: out: a float32 array (n_outputs,) that the answer is written into, and that is returned; with a "
           "float32\nsample nothing is copied or made then.")
      .def("bind", &PySession::bind, py::arg("sample"), py::arg("out"),
           "Return a callable that steps from the array `sample` into the array `out` and returns Flag bits: the "
           "quickest call.\n\nArgs: sample, out: float32 arrays (n_features,) and (n_outputs,); write the next sample "
           "into the first.")
      .def("settle", &PySession::settle, "Do the work that does not need the next sample, once the answer is out.")
      .def("rehearse", &PySession::rehearse,
           "Bring what the next step needs into the caches, shortly before it is due. Changes no answer.")
      .def("state", &PySession::state,
           "Return all that later answers depend on, as bytes: for restore() on a session of the same files and "
           "backend.\n\nRaises: ValueError: a model that is not stateful, or another backend than native.")
      .def("restore", &PySession::restore, py::arg("state"),
           "Go on where state() was taken: the next answers are those of that session, bit for bit.\n\n"
           "Raises: ValueError: no state of this model's, and then nothing is changed.")
      .def("run", &PySession::run, py::arg("samples"),
           "Return (answers (n, n_outputs) float32, Flag bits (n,) uint32) for samples (n, n_features).")
      .def("flush", &PySession::flush,
           "Return (answers, flags) of the last `preview` ticks, the last sample taken as standing for ever.");

  model.def(
      "session", [](const Model& self) { return std::make_unique<PySession>(self); },
      "Return a new session, warming up.");
}

}  // namespace learn_rt
