#include "python_arms.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "ort_arm.h"
#include "ort_rollout_arm.h"
#include "rollout_arm.h"
#include "session_arm.h"

namespace learn_rt::bench {
namespace {

namespace py = pybind11;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

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

void bind_arms(py::module_& m) {
  const auto own = py::module_local();
  py::class_<Arm, std::shared_ptr<Arm>>(m, "Arm", "One of the things that take turns.", own)
      .def_property_readonly("n_features", &Arm::n_features)
      .def_property_readonly("n_outputs", &Arm::n_outputs)
      .def_property_readonly("what", &Arm::what, "What answers: a backend or an address.")
      .def("ask", &ask, py::arg("sample"), "Return the answer (n_outputs,) to one sample (n_features,), untimed.");
  py::class_<SessionArm, Arm, std::shared_ptr<SessionArm>>(m, "SessionArm", "The runtime in this process.", own)
      .def(py::init<const std::filesystem::path&, const std::string&>(), py::arg("version_folder"), py::arg("backend"));
  py::class_<RolloutSizes>(m, "RolloutSizes", "How a rollout lies in a sample: state, action before, plans.", own)
      .def(py::init<std::size_t, std::size_t, std::size_t, std::size_t>(), py::arg("n_states"), py::arg("n_actions"),
           py::arg("candidates"), py::arg("horizon"));
  py::class_<RolloutArm, Arm, std::shared_ptr<RolloutArm>>(m, "RolloutArm", "Rollouts in this process.", own)
      .def(py::init<const std::filesystem::path&, const std::string&, RolloutSizes, std::size_t>(),
           py::arg("version_folder"), py::arg("backend"), py::arg("sizes"), py::arg("threads") = 1);
  py::class_<OrtArm, Arm, std::shared_ptr<OrtArm>>(m, "OrtArm", "ONNX Runtime, called from C++.", own)
      .def(py::init(&make_ort_arm), py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("n_features"),
           py::arg("n_outputs"), py::arg("states"));
  py::class_<OrtRolloutArm, Arm, std::shared_ptr<OrtRolloutArm>>(m, "OrtRolloutArm", "ONNX Runtime on model.onnx.", own)
      .def(py::init<const std::string&, const std::string&, std::size_t, RolloutSizes, std::size_t>(),
           py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("sizes"), py::arg("threads") = 1);
}

}  // namespace learn_rt::bench
