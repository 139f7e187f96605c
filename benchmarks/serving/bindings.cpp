#include "bindings.h"

#include "deadline_arms.h"
#include "echo.h"

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
}

}  // namespace learn_rt::bench
