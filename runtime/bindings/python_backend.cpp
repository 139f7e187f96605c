#include "python_backend.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "arrays.h"
#include "backend.h"
#include "whole_rollout.h"

namespace py = pybind11;

namespace learn_rt {
namespace {

// A Python object that any thread may let go of.
class Shared {
 public:
  explicit Shared(py::object object) : object_(std::move(object)) {}
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  ~Shared() {
    if (Py_IsInitialized() == 0) {
      object_.release();  // the interpreter is gone, and the object with it
      return;
    }
    const py::gil_scoped_acquire gil;
    object_ = py::object();
  }
  const py::object& operator*() const { return object_; }

 private:
  py::object object_;
};

// Copies a Python answer of n floats.
void copy_answer(const py::object& answer, std::size_t n, float* to) {
  const auto array = FloatArray::ensure(answer);
  if (!array || array.size() != static_cast<py::ssize_t>(n)) {
    PyErr_Clear();
    throw std::runtime_error("an answer of another size");
  }
  std::memcpy(to, array.data(), n * sizeof(float));
}

class PyStream final : public Stream {
 public:
  PyStream(py::object stream, const Spec& spec)
      : stream_(std::move(stream)), n_features_(spec.n_features()), n_outputs_(spec.n_outputs()) {}

  void reset() LEARN_RT_REALTIME override { call("reset"); }
  void settle() LEARN_RT_REALTIME override { call("settle"); }

  void step(const float* sample, float* answer) LEARN_RT_REALTIME override {
    const py::gil_scoped_acquire gil;
    try {
      if (failed_) throw std::runtime_error("the last settle() failed");
      const py::array_t<float> x(static_cast<py::ssize_t>(n_features_), sample);
      copy_answer((*stream_).attr("step")(x), n_outputs_, answer);
    } catch (const std::exception&) {
      std::fill(answer, answer + n_outputs_, std::numeric_limits<float>::quiet_NaN());
    }
  }

 private:
  // Nothing can be thrown here: a failure makes the next answer NaN, which the session refuses.
  void call(const char* name) noexcept {
    const py::gil_scoped_acquire gil;
    try {
      (*stream_).attr(name)();
      failed_ = failed_ && std::strcmp(name, "reset") != 0;
    } catch (const std::exception&) {
      failed_ = true;
    }
  }

  Shared stream_;
  std::size_t n_features_, n_outputs_;
  bool failed_ = false;
};

class PyEngine final : public Engine {
 public:
  PyEngine(py::object engine, Spec spec) : engine_(std::move(engine)), spec_(std::move(spec)) {}

  std::unique_ptr<Stream> open() const override {
    const py::gil_scoped_acquire gil;
    return std::make_unique<PyStream>((*engine_).attr("open")(), spec_);
  }

  void infer(const float* windows, std::size_t batch, float* answers) const override {
    const py::gil_scoped_acquire gil;
    std::vector<py::ssize_t> shape{static_cast<py::ssize_t>(batch)};
    if (spec_.kind != Kind::kPointwise) shape.push_back(static_cast<py::ssize_t>(spec_.window));
    shape.push_back(static_cast<py::ssize_t>(spec_.n_features()));
    try {
      const py::array_t<float> x(shape, windows);
      copy_answer((*engine_).attr("infer")(x), batch * spec_.n_outputs(), answers);
    } catch (const py::error_already_set& error) {
      throw std::runtime_error(error.what());  // a Python exception must not outlive the GIL
    }
  }

  std::unique_ptr<RolloutStream> open_rollout(const RolloutLimits& limits) const override {
    return std::make_unique<WholeRollout>(
        spec_, limits, [this](const float* x, const float* a, std::size_t n, float* y) { infer_rollout(x, a, n, y); });
  }

  void infer_rollout(const float* windows, const float* actions, std::size_t batch, float* answers) const override {
    const py::gil_scoped_acquire gil;
    const auto shape = [batch](std::size_t rows, std::size_t columns) {
      return std::vector<py::ssize_t>{static_cast<py::ssize_t>(batch), static_cast<py::ssize_t>(rows),
                                      static_cast<py::ssize_t>(columns)};
    };
    try {
      const py::array_t<float> x(shape(spec_.window, spec_.n_features()), windows);
      const py::array_t<float> taken(shape(spec_.horizon, spec_.n_actions()), actions);
      copy_answer((*engine_).attr("infer_rollout")(x, taken), batch * spec_.horizon * spec_.n_outputs(), answers);
    } catch (const py::error_already_set& error) {
      throw std::runtime_error(error.what());
    }
  }

 private:
  Shared engine_;
  Spec spec_;
};

}  // namespace

void register_onnxruntime(py::object load) {
  const auto loader = std::make_shared<Shared>(std::move(load));
  register_backend("onnxruntime", [loader](const ModelFolder& folder) -> std::unique_ptr<Engine> {
    const py::gil_scoped_acquire gil;
    try {
      py::object engine = (**loader)(folder.path.string(), folder.spec.json);
      return std::make_unique<PyEngine>(std::move(engine), folder.spec);
    } catch (const py::error_already_set& error) {
      throw std::runtime_error(py::str(error.value()).cast<std::string>());
    }
  });
}

}  // namespace learn_rt
