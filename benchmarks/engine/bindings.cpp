// `_engine`: arms that take turns, and what the machine can do. Nothing of Python runs while they measure.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "evict.h"
#include "laps.h"
#include "learn_rt/model.h"
#include "ort_arm.h"
#include "ort_rollout_arm.h"
#include "probe.h"
#include "session_arm.h"

namespace py = pybind11;
using namespace learn_rt::bench;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Path = std::filesystem::path;

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

std::vector<float> rows(const FloatArray& array, std::size_t width, const char* what) {
  if (array.ndim() != 2 || array.shape(0) < 1 || array.shape(1) != static_cast<py::ssize_t>(width)) {
    throw py::value_error(std::string(what) + " must have shape (period, " + std::to_string(width) + ")");
  }
  return {array.data(), array.data() + array.size()};
}

std::unique_ptr<Laps> make_laps(std::shared_ptr<Arm> arm, const FloatArray& samples,
                                const std::optional<FloatArray>& answers) {
  std::vector<float> x = rows(samples, arm->n_features(), "samples"), y;
  if (answers) {
    y = rows(*answers, arm->n_outputs(), "answers");
    if (answers->shape(0) != samples.shape(0)) throw py::value_error("as many answers as samples are needed");
  }
  return std::make_unique<Laps>(std::move(arm), std::move(x), std::move(y));
}

py::dict run(Laps& laps, std::int64_t duration_ns, std::size_t least, std::int64_t every_ns) {
  const Lap lap = [&] {
    const py::gil_scoped_release release;
    return laps.run(duration_ns, least, every_ns);
  }();
  py::dict result;
  result["answer"] = to_python(lap.answer);
  result["sustained"] = to_python(lap.sustained);
  result["compared"] = lap.compared;
  result["worst"] = lap.worst;
  return result;
}

py::dict to_python(const learn_rt::Footprint& footprint) {
  const auto work = [](const learn_rt::Work& w) {
    py::dict result;
    result["weight_bytes"] = w.weight_bytes;
    result["multiply_adds"] = w.multiply_adds;
    return result;
  };
  py::dict result;
  result["answer"] = work(footprint.answer);
  result["settle"] = work(footprint.settle);
  result["session_bytes"] = footprint.session_bytes;
  return result;
}

// From the files to the first answer, in nanoseconds: read, checked against the golden samples, opened, asked.
std::int64_t first_answer_ns(const Path& folder) {
  const py::gil_scoped_release release;
  const std::int64_t start = now_ns();
  SessionArm arm(folder, "native");
  const std::vector<float> sample(arm.n_features(), 0.5F);
  std::vector<float> values(arm.n_outputs());
  arm.answer(sample.data(), values.data());
  return now_ns() - start;
}

std::unique_ptr<OrtArm> make_ort_arm(
    const std::string& library, const std::string& graph, std::size_t window, std::size_t n_features,
    std::size_t n_outputs, const std::vector<std::tuple<std::string, std::string, std::vector<std::int64_t>>>& states) {
  std::vector<OrtState> list;
  for (const auto& [input, output, shape] : states) list.push_back({input, output, shape});
  return std::make_unique<OrtArm>(library, graph, window, n_features, n_outputs, std::move(list));
}

}  // namespace

PYBIND11_MODULE(_engine, m) {
  m.doc() = "The engine's benchmark: arms, the loop that times them, and the machine's own limits.";
  const auto own = py::module_local();  // `_latency` has some of the same classes

  py::class_<Arm, std::shared_ptr<Arm>>(m, "Arm", own).def_property_readonly("what", &Arm::what);
  py::class_<SessionArm, Arm, std::shared_ptr<SessionArm>>(m, "SessionArm", own)
      .def(py::init<const Path&, const std::string&>(), py::arg("version_folder"), py::arg("backend"));
  py::class_<RolloutSizes>(m, "RolloutSizes", own)
      .def(py::init<std::size_t, std::size_t, std::size_t, std::size_t>(), py::arg("n_states"), py::arg("n_actions"),
           py::arg("candidates"), py::arg("horizon"));
  py::class_<RolloutArm, Arm, std::shared_ptr<RolloutArm>>(m, "RolloutArm", own)
      .def(py::init<const Path&, const std::string&, RolloutSizes, std::size_t>(), py::arg("version_folder"),
           py::arg("backend"), py::arg("sizes"), py::arg("threads") = 1);
  py::class_<OrtArm, Arm, std::shared_ptr<OrtArm>>(m, "OrtArm", own)
      .def(py::init(&make_ort_arm), py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("n_features"),
           py::arg("n_outputs"), py::arg("states"));
  py::class_<OrtRolloutArm, Arm, std::shared_ptr<OrtRolloutArm>>(m, "OrtRolloutArm", own)
      .def(py::init<const std::string&, const std::string&, std::size_t, RolloutSizes, std::size_t>(),
           py::arg("library"), py::arg("graph"), py::arg("window"), py::arg("sizes"), py::arg("threads") = 1);

  py::class_<Laps>(m, "Laps", own)
      .def(py::init(&make_laps), py::arg("arm"), py::arg("samples"), py::arg("answers") = py::none())
      .def("warm_up", &Laps::warm_up, py::call_guard<py::gil_scoped_release>(), "Run one period without a record.")
      .def("run", &run, py::arg("duration_ns"), py::arg("least") = 1, py::arg("every_ns") = 0,
           "Measure one block: {answer, sustained} histograms, compared, worst.");

  m.def(
      "footprint", [](const Path& folder) { return to_python(learn_rt::Model::load(folder, "native")->footprint()); },
      py::arg("version_folder"), "Return what a session on a version folder takes of the machine.");
  m.def(
      "rollout_footprint",
      [](const Path& folder, std::size_t candidates, std::size_t horizon) {
        return to_python(learn_rt::Model::load(folder, "native")->rollout_footprint(candidates, horizon));
      },
      py::arg("version_folder"), py::arg("candidates"), py::arg("horizon"));
  m.def("first_answer_ns", &first_answer_ns, py::arg("version_folder"), "Return how long files take to an answer.");
  m.def("bytes_per_ns", &bytes_per_ns, py::arg("bytes"), py::call_guard<py::gil_scoped_release>());
  m.def("multiply_adds_per_ns", &multiply_adds_per_ns, py::call_guard<py::gil_scoped_release>());
  m.def("probed_target", &probed_target, "Return the instruction set that the engine runs on here.");
}
