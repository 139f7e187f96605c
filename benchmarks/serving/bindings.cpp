#include "bindings.h"

#include <pybind11/stl.h>

#include "deadline_arms.h"
#include "echo.h"
#include "swap_arm.h"

namespace py = pybind11;

namespace learn_rt::bench {

void bind_serving(py::module_& m) {
  const auto no_gil = py::call_guard<py::gil_scoped_release>();
  py::class_<EchoServer>(m, "EchoServer", "A gRPC callback server that answers Predictor's messages with zeros.")
      .def(py::init([](const std::string& address, std::size_t n_outputs, std::int64_t settle_ns) {
             return std::make_unique<EchoServer>(address, n_outputs, std::chrono::nanoseconds(settle_ns));
           }),
           py::arg("address"), py::arg("n_outputs"), py::arg("settle_ns") = 0, no_gil)
      .def_property_readonly("target", &EchoServer::target, "Where it listens, as a gRPC target.");
  py::class_<EchoArm, Arm, std::shared_ptr<EchoArm>>(m, "EchoArm", "A blocking stream to an EchoServer.")
      .def(py::init<const std::string&, std::size_t, std::size_t>(), py::arg("target"), py::arg("n_features"),
           py::arg("n_outputs"), no_gil);
  py::class_<DeadlineArm, Arm, std::shared_ptr<DeadlineArm>>(m, "DeadlineArm", "predict() with a deadline that is met.")
      .def(py::init<const std::string&, const std::string&, std::int64_t>(), py::arg("address"), py::arg("model"),
           py::arg("deadline_ns"), no_gil)
      .def_property_readonly("calls", &DeadlineArm::calls)
      .def_property_readonly("in_time", &DeadlineArm::in_time, "Answers that came, so that no policy was needed.")
      .def_property_readonly("outside", &DeadlineArm::outside, "Values that left the envelope.");
  py::class_<BareWaitArm, Arm, std::shared_ptr<BareWaitArm>>(m, "BareWaitArm", "A futex that nobody wakes.")
      .def(py::init<std::int64_t, std::size_t, std::size_t>(), py::arg("deadline_ns"), py::arg("n_features"),
           py::arg("n_outputs"));
  py::class_<SwapArm, Arm, std::shared_ptr<SwapArm>>(m, "SwapArm", "A stream that follows versions 1 and 2.")
      .def(py::init<std::string, const std::string&, double, std::size_t, std::size_t,
                    std::array<std::vector<float>, 2>, double>(),
           py::arg("address"), py::arg("model"), py::arg("crossfade_s"), py::arg("n_features"), py::arg("n_outputs"),
           py::arg("answers"), py::arg("tolerance"), no_gil)
      .def_property_readonly("version", &SwapArm::version, "That gave the last answer.")
      .def_property_readonly("swaps", &SwapArm::swaps, "Changes of version.")
      .def_property_readonly("compared", &SwapArm::compared, "Answers that had to be their version's.")
      .def_property_readonly("faded", &SwapArm::faded, "Answers that had to be between both versions'.")
      .def_property_readonly("limited", &SwapArm::limited, "Answers that the envelope changed.")
      .def_property_readonly("wrong", &SwapArm::wrong, "Of those compared and faded.")
      .def_property_readonly("unversioned", &SwapArm::unversioned, "Answers that told no version.");
}

}  // namespace learn_rt::bench
