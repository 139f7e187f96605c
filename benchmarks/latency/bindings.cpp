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
#include "python_arms.h"
#include "rollout_client_arm.h"
#ifdef LEARN_RT_GRPC
#include "serving/bindings.h"
#endif

namespace py = pybind11;
using namespace learn_rt::bench;
using FloatArray = py::array_t<float, py::array::c_style | py::array::forcecast>;

namespace {

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

  py::dict run(std::int64_t duration_ns, std::int64_t period_ns, bool paced, bool cold, std::size_t warm_up, bool spin,
               std::size_t at_least) {
    if (duration_ns < 1 || period_ns < 1) throw py::value_error("duration_ns and period_ns must be above 0");
    const Block block = [&] {
      py::gil_scoped_release release;
      return loop_->run({duration_ns, period_ns, paced, cold, warm_up, at_least, spin});
    }();
    return to_python(block);
  }

 private:
  std::shared_ptr<Arm> arm_;
  Stream stream_;
  std::unique_ptr<Loop> loop_;
};

}  // namespace

PYBIND11_MODULE(_latency, m) {
  m.doc() = "The latency gates' timing loops, in C++ with the GIL released.";
  const auto no_gil = py::call_guard<py::gil_scoped_release>();

  bind_arms(m);
  const auto own = py::module_local();
  py::class_<ClientArm, Arm, std::shared_ptr<ClientArm>>(m, "ClientArm", "A served model, through the C++ client.", own)
      .def(py::init<const std::string&, const std::string&, bool, std::size_t, std::size_t>(), py::arg("address"),
           py::arg("model"), py::arg("spin"), py::arg("n_features"), py::arg("n_outputs"), no_gil);
  py::class_<RolloutClientArm, Arm, std::shared_ptr<RolloutClientArm>>(m, "RolloutClientArm", "Served rollouts.", own)
      .def(py::init<const std::string&, const std::string&, RolloutSizes>(), py::arg("address"), py::arg("model"),
           py::arg("sizes"), no_gil);

  py::class_<Turn>(m, "Turn", "An arm with the stream that it is fed from; the stream goes on from block to block.")
      .def(py::init<std::shared_ptr<Arm>, const FloatArray&, const std::optional<FloatArray>&, double>(),
           py::arg("arm"), py::arg("samples"), py::arg("answers") = py::none(), py::arg("tolerance") = 0.0)
      .def("run", &Turn::run, py::arg("duration_ns"), py::arg("period_ns"), py::arg("paced"), py::arg("cold"),
           py::arg("warm_up"), py::arg("spin") = false, py::arg("at_least") = 0,
           "Measure one block, of `at_least` recorded ticks; `spin`: read the clock until a tick has come.");

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
