// `_latency`: the timing loops for Python. Nothing of Python runs while they measure.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <string>
#include <utility>

#include "client_arm.h"
#include "evict.h"
#include "hiccup.h"
#include "loop.h"
#include "ort_arm.h"
#include "ort_rollout_arm.h"
#include "rollout_arm.h"
#include "session_arm.h"
#ifdef LEARN_RT_GRPC
#include "serving/bindings.h"
#endif

namespace py = pybind11;
using namespace learn_rt::bench;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

namespace {

// {"buckets": int64[k], "counts": int64[k], "max": ns}: only the buckets that were hit.
py::dict to_python(const Histogram& histogram) {
  std::vector<std::int64_t> buckets, counts;
  for (std::size_t i = 0; i < Histogram::Buckets::kBuckets; ++i) {
    if (histogram.counts()[i] == 0) continue;
    buckets.push_back(static_cast<std::int64_t>(i));
    counts.push_back(histogram.counts()[i]);
  }
  py::dict result;
  result["buckets"] = py::array_t<std::int64_t>(static_cast<py::ssize_t>(buckets.size()), buckets.data());
  result["counts"] = py::array_t<std::int64_t>(static_cast<py::ssize_t>(counts.size()), counts.data());
  result["max"] = histogram.max();
  return result;
}

py::dict to_python(const Block& block) {
  py::dict stages;
  stages["late"] = to_python(block.late);
  stages["queue"] = to_python(block.queue);
  stages["wire"] = to_python(block.wire);
  stages["compute"] = to_python(block.compute);
  stages["wake_up"] = to_python(block.wake_up);
  py::dict result;
  result["latency"] = to_python(block.latency);
  result["stages"] = stages;
  result["call"] = to_python(block.call);
  result["settle"] = to_python(block.settle);
  result["missed"] = block.missed;
  result["compared"] = block.compared;
  result["limited"] = block.limited;
  result["wrong"] = block.wrong;
  result["worst"] = block.worst;
  return result;
}

// An arm with its stream, as one Python object.
class Turn {
 public:
  Turn(std::shared_ptr<Arm> arm, const FloatArray& samples, const std::optional<FloatArray>& answers, double tolerance)
      : arm_(std::move(arm)) {
    if (samples.ndim() != 2 || samples.shape(0) < 1 ||
        samples.shape(1) != static_cast<py::ssize_t>(arm_->n_features())) {
      throw py::value_error("samples must have shape (period, " + std::to_string(arm_->n_features()) + ")");
    }
    stream_.tolerance = tolerance;
    stream_.period = static_cast<std::size_t>(samples.shape(0));
    stream_.samples.assign(samples.data(), samples.data() + samples.size());
    if (answers) {
      if (answers->ndim() != 2 || answers->shape(0) < 1 || answers->shape(0) % samples.shape(0) != 0 ||
          answers->shape(1) != static_cast<py::ssize_t>(arm_->n_outputs())) {
        throw py::value_error("answers must have shape (period, " + std::to_string(arm_->n_outputs()) +
                              "), or a multiple of the period");
      }
      stream_.answers.assign(answers->data(), answers->data() + answers->size());
      stream_.lead = static_cast<std::size_t>(answers->shape(0) - samples.shape(0));
    }
    loop_ = std::make_unique<Loop>(*arm_, stream_);
  }

  py::dict run(std::int64_t duration_ns, std::int64_t period_ns, bool paced, bool cold, std::size_t warm_up) {
    if (duration_ns < 1 || period_ns < 1) throw py::value_error("duration_ns and period_ns must be above 0");
    const Block block = [&] {
      py::gil_scoped_release release;
      return loop_->run({duration_ns, period_ns, paced, cold, warm_up});
    }();
    return to_python(block);
  }

 private:
  std::shared_ptr<Arm> arm_;
  Stream stream_;
  std::unique_ptr<Loop> loop_;
};

py::array_t<float> ask(Arm& arm, const FloatArray& sample) {
  if (sample.ndim() != 1 || sample.shape(0) != static_cast<py::ssize_t>(arm.n_features())) {
    throw py::value_error("sample must have shape (" + std::to_string(arm.n_features()) + ",)");
  }
  py::array_t<float> values(static_cast<py::ssize_t>(arm.n_outputs()));
  {
    float* to = values.mutable_data();
    const float* from = sample.data();
    py::gil_scoped_release release;
    arm.answer(from, to);
    arm.settle();
  }
  return values;
}

std::unique_ptr<OrtArm> make_ort_arm(
    const std::string& library, const std::string& graph, std::size_t window, std::size_t n_features,
    std::size_t n_outputs, const std::vector<std::tuple<std::string, std::string, std::vector<std::int64_t>>>& states) {
  std::vector<OrtState> list;
  for (const auto& [input, output, shape] : states) list.push_back({input, output, shape});
  return std::make_unique<OrtArm>(library, graph, window, n_features, n_outputs, std::move(list));
}

}  // namespace

PYBIND11_MODULE(_latency, m) {
  m.doc() = "The latency gates' timing loops, in C++ with the GIL released.";
  const auto no_gil = py::call_guard<py::gil_scoped_release>();

  py::class_<Arm, std::shared_ptr<Arm>>(m, "Arm", "One of the things that take turns.")
      .def_property_readonly("n_features", &Arm::n_features)
      .def_property_readonly("n_outputs", &Arm::n_outputs)
      .def_property_readonly("what", &Arm::what, "What answers: a backend or an address.")
      .def("ask", &ask, py::arg("sample"), "Return the answer (n_outputs,) to one sample (n_features,), untimed.");
  py::class_<SessionArm, Arm, std::shared_ptr<SessionArm>>(m, "SessionArm", "The runtime in this process.")
      .def(py::init<const std::filesystem::path&, const std::string&>(), py::arg("version_folder"), py::arg("backend"));
  py::class_<ClientArm, Arm, std::shared_ptr<ClientArm>>(m, "ClientArm", "A served model, through the C++ client.")
      .def(py::init<const std::string&, const std::string&, bool, std::size_t, std::size_t>(), py::arg("address"),
           py::arg("model"), py::arg("spin"), py::arg("n_features"), py::arg("n_outputs"), no_gil);
  py::class_<RolloutSizes>(m, "RolloutSizes", "How a rollout lies in a sample: state, action before, plans.")
      .def(py::init<std::size_t, std::size_t, std::size_t, std::size_t>(), py::arg("n_states"), py::arg("n_actions"),
           py::arg("candidates"), py::arg("horizon"));
  py::class_<RolloutArm, Arm, std::shared_ptr<RolloutArm>>(m, "RolloutArm", "Rollouts in this process.")
      .def(py::init<const std::filesystem::path&, const std::string&, RolloutSizes, std::size_t>(),
           py::arg("version_folder"), py::arg("backend"), py::arg("sizes"), py::arg("threads") = 1);
  py::class_<RolloutClientArm, Arm, std::shared_ptr<RolloutClientArm>>(m, "RolloutClientArm", "Served rollouts.")
      .def(py::init<const std::string&, const std::string&, RolloutSizes>(), py::arg("address"), py::arg("model"),
           py::arg("sizes"), no_gil);
  py::class_<OrtRolloutArm, Arm, std::shared_ptr<OrtRolloutArm>>(m, "OrtRolloutArm", "ONNX Runtime on model.onnx.")
      .def(py::init<const std::string&, const std::string&, std::size_t, RolloutSizes, std::size_t>(),
           py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("sizes"), py::arg("threads") = 1);
  py::class_<OrtArm, Arm, std::shared_ptr<OrtArm>>(m, "OrtArm", "ONNX Runtime, called from C++.")
      .def(py::init(&make_ort_arm), py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("n_features"),
           py::arg("n_outputs"), py::arg("states"));

  py::class_<Turn>(m, "Turn", "An arm with the stream that it is fed from; the stream goes on from block to block.")
      .def(py::init<std::shared_ptr<Arm>, const FloatArray&, const std::optional<FloatArray>&, double>(),
           py::arg("arm"), py::arg("samples"), py::arg("answers") = py::none(), py::arg("tolerance") = 0.0)
      .def("run", &Turn::run, py::arg("duration_ns"), py::arg("period_ns"), py::arg("paced"), py::arg("cold"),
           py::arg("warm_up"), "Measure one block.");

  py::class_<Hiccup>(m, "Hiccup", "A thread that sleeps to a schedule and records how late it wakes.")
      .def(py::init<std::int64_t>(), py::arg("period_ns"))
      .def("stop", [](Hiccup& hiccup) {
        {
          py::gil_scoped_release release;
          hiccup.stop();
        }
        py::dict result = to_python(hiccup.lateness());
        result["missed"] = hiccup.missed();
        return result;
      });

#ifdef LEARN_RT_GRPC
  bind_serving(m);
#endif

  m.def("bucket_of", &Histogram::Buckets::bucket_of, py::arg("ns"), "Return the bucket in which a duration counts.");
  m.def("evicted_bytes", &Evictor::size, "Return how many bytes are read before a cold tick.");
  m.attr("BUCKETS") = Histogram::Buckets::kBuckets;
}
