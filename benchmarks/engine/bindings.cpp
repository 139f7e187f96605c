// `_engine`: arms that take turns, and what the machine can do. Nothing of Python runs while they measure.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "evict.h"
#include "laps.h"
#include "learn_rt/model.h"
#include "probe.h"
#include "python_arms.h"
#include "session_arm.h"

namespace py = pybind11;
using namespace learn_rt::bench;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;
using Path = std::filesystem::path;

namespace {

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

}  // namespace

PYBIND11_MODULE(_engine, m) {
  m.doc() = "The engine's benchmark: arms, the loop that times them, and the machine's own limits.";
  bind_arms(m);
  py::class_<Laps>(m, "Laps")
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
