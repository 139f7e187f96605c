#pragma once

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "fork_mark.h"
#include "learn_rt/spec.h"
#include "stream_client.h"
#include "turn.h"

namespace learn_rt::client {

namespace py = pybind11;

inline std::chrono::nanoseconds as_time(double seconds, const std::string& name) {
  if (!(seconds >= 0.0) || seconds > 1e9) {
    throw py::value_error(name + " must be from 0 to 1e9 seconds, got " + std::to_string(seconds));
  }
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

// The one of the two that is given; `call` is named where both are, or none.
inline std::chrono::nanoseconds as_deadline(std::optional<double> deadline_s, std::optional<double> deadline_us,
                                            const char* call) {
  if (deadline_s.has_value() == deadline_us.has_value()) {
    throw py::type_error(std::string(call) + " needs either deadline_s or deadline_us");
  }
  return deadline_s ? as_time(*deadline_s, "deadline_s") : as_time(*deadline_us * 1e-6, "deadline_us");
}

// A Client or RolloutClient for one Python thread at a time: the GIL is given away while it waits, so a second thread
// could get in.
template <typename AnyClient>
class PythonHandle {
 public:
  template <typename Options>
  PythonHandle(const std::string& address, const std::string& model, const Options& options) {
    {
      const py::gil_scoped_release release;
      client_ = AnyClient::connect(address, model, options);
    }
    promised_ = Spec::parse(client_->spec_json());
    spec_ = py::module_::import("learn_rt.spec").attr("Spec").attr("from_json")(client_->spec_json());
  }
  ~PythonHandle() { close(); }
  PythonHandle(const PythonHandle&) = delete;
  PythonHandle& operator=(const PythonHandle&) = delete;

  // Adds to a Python class what every client has.
  template <typename Class>
  static void bind(Class& python) {
    using Self = typename Class::type;
    python.def("close", [](Self& self) { self.close(); })
        .def_property_readonly("spec", [](const Self& self) { return self.spec_; })
        .def_property_readonly("spec_json", [](Self& self) { return self.open().spec_json(); })
        .def_property_readonly("stats", [](Self& self) { return self.open().stats(); })
        .def_property_readonly("endpoint", [](Self& self) { return std::string(self.open().endpoint()); })
        .def_property_readonly("last_error", [](Self& self) { return std::string(self.open().last_error()); })
        .def("__enter__", [](py::object self) { return self; })
        .def("__exit__", [](Self& self, const py::args&) { self.close(); });
  }

 protected:
  // To be held during a call.
  Turn turn() { return {busy_, "a client belongs to one thread: another call is running"}; }

  AnyClient& open() {
    if (!client_) throw py::value_error("the client is closed");
    if (forked()) {
      throw std::runtime_error(
          "this process was forked from the one that connected the client, whose stream it is: start processes with "
          "spawn, and connect there");
    }
    return *client_;
  }

  const Spec& promised() const { return promised_; }

 private:
  bool forked() const noexcept { return mark_.is_forked(); }

  void close() {
    // Its threads and its stream are the parent's: what is here is a copy that nobody may end.
    if (forked()) return static_cast<void>(client_.release());
    const Turn held = turn();
    const py::gil_scoped_release release;
    client_.reset();
  }

  std::unique_ptr<AnyClient> client_;
  Spec promised_;
  py::object spec_;
  std::atomic<bool> busy_{false};
  const ForkMark mark_;
};

// The connected client as a Python object. Raises ConnectionError: it cannot be had; throws IsRollout as it comes.
template <typename Handle, typename Options>
py::object connect_as(const std::string& address, const std::string& model, const Options& options) {
  try {
    return py::cast(std::make_unique<Handle>(address, model, options));
  } catch (const IsRollout&) {
    throw;
  } catch (const std::runtime_error& error) {
    PyErr_SetString(PyExc_ConnectionError, error.what());
    throw py::error_already_set();
  }
}

}  // namespace learn_rt::client
