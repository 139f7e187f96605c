#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <atomic>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "address.h"
#include "learn_rt/client.h"
#include "learn_rt/flags.h"
#include "learn_rt/spec.h"
#include "pipeline.h"
#include "python_arrays.h"
#include "rollout_bindings.h"
#include "stream_client.h"

namespace py = pybind11;
using namespace pybind11::literals;

namespace learn_rt::client {
namespace {

constexpr const char* kOneByOne = ": predict() and try_push() take one sample, run() takes many";

OnMiss as_policy(const std::string& name) {
  if (name == "hold") return OnMiss::kHold;
  if (name == "zero") return OnMiss::kZero;
  if (name == "nominal") return OnMiss::kNominal;
  throw py::value_error("on_miss must be 'hold', 'zero' or 'nominal', got '" + name + "'");
}

Wait as_wait(const std::string& name) {
  if (name == "sleep") return Wait::kSleep;
  if (name == "doze") return Wait::kDoze;
  if (name == "spin") return Wait::kSpin;
  throw py::value_error("wait must be 'sleep', 'doze' or 'spin', got '" + name + "'");
}

// A Client for one Python thread at a time: the GIL is released while it waits, so a second thread could get in.
class PyClient {
 public:
  PyClient(const std::string& address, const std::string& model, const ClientOptions& options)
      : capacity_(options.capacity) {
    {
      const py::gil_scoped_release release;
      client_ = Client::connect(address, model, options);
    }
    const Spec spec = Spec::parse(client_->spec_json());
    n_features_ = spec.n_features();
    n_outputs_ = spec.n_outputs();
    preview_ = spec.preview;
    spec_ = py::module_::import("learn_rt.spec").attr("Spec").attr("from_json")(client_->spec_json());
  }
  ~PyClient() { close(); }
  PyClient(const PyClient&) = delete;
  PyClient& operator=(const PyClient&) = delete;

  void close() {
    const Turn turn(*this);
    const py::gil_scoped_release release;
    client_.reset();
  }

  Prediction predict(const py::object& sample, std::optional<double> deadline_s, const py::object& nominal,
                     std::optional<double> deadline_us) {
    const Turn turn(*this);
    Client& client = open();
    if (deadline_s.has_value() == deadline_us.has_value())
      throw py::type_error("predict() needs either deadline_s or deadline_us");
    const std::chrono::nanoseconds deadline(deadline_s ? as_nanoseconds(*deadline_s, "deadline_s")
                                                       : as_nanoseconds(*deadline_us * 1e-6, "deadline_us"));
    const Floats x = as_vector(sample, "sample", n_features_, kOneByOne);
    std::optional<Floats> stand_in;
    if (!nominal.is_none()) stand_in = as_vector(nominal, "nominal", n_outputs_);
    const py::gil_scoped_release release;
    return client.predict(x.data(), deadline, stand_in ? stand_in->data() : nullptr);
  }

  bool try_push(const py::object& sample) {
    const Turn turn(*this);
    return open().try_push(as_vector(sample, "sample", n_features_, kOneByOne).data());
  }

  std::optional<Prediction> try_pop() {
    const Turn turn(*this);
    Prediction prediction;
    if (!open().try_pop(prediction)) return std::nullopt;
    return prediction;
  }

  Prediction latest() {
    const Turn turn(*this);
    return open().latest();
  }

  bool flush() {
    const Turn turn(*this);
    return open().flush();
  }

  py::tuple run(const py::object& samples, bool flush, double timeout_s) {
    const Turn turn(*this);
    Client& client = open();
    const Floats x = as_floats(samples, "samples");
    if (x.ndim() != 2 || static_cast<std::size_t>(x.shape(1)) != n_features_)
      throw py::value_error("samples must have shape (n, " + std::to_string(n_features_) + "), got " + shape_of(x));
    if (flush && x.shape(0) == 0) throw py::value_error("samples must hold at least one sample to flush after");
    const auto patience = std::chrono::nanoseconds(as_nanoseconds(timeout_s, "timeout_s"));
    const auto n = static_cast<std::size_t>(x.shape(0));
    const std::size_t preview = flush ? preview_ : 0;
    py::array_t<float> answers({n + preview, n_outputs_});
    py::array_t<std::uint32_t> flags(static_cast<py::ssize_t>(n + preview));
    const Batch batch{
        x.data(), n, n_features_, n_outputs_, capacity_, preview, answers.mutable_data(), flags.mutable_data()};
    {
      const py::gil_scoped_release release;
      client::run(client, batch, patience, [] {
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      });
    }
    return py::make_tuple(answers, flags);
  }

  py::object spec() const { return spec_; }
  const std::string& spec_json() { return open().spec_json(); }
  std::string last_error() { return open().last_error(); }
  ClientStats stats() { return open().stats(); }

 private:
  // Holds the client for one call.
  class Turn {
   public:
    explicit Turn(PyClient& client) : busy_(client.busy_) {
      if (busy_.test_and_set()) throw std::runtime_error("a client belongs to one thread: another call is running");
    }
    ~Turn() { busy_.clear(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    std::atomic_flag& busy_;
  };

  Client& open() {
    if (!client_) throw py::value_error("the client is closed");
    return *client_;
  }

  const std::size_t capacity_;
  std::unique_ptr<Client> client_;
  std::size_t n_features_ = 0, n_outputs_ = 0, preview_ = 0;
  py::object spec_;
  std::atomic_flag busy_ = ATOMIC_FLAG_INIT;
};

py::object connect_any(const std::string& address, const std::string& model, const std::string& version,
                       const std::string& on_miss, const py::object& rest, const std::string& wait,
                       std::size_t capacity, const std::string& contract_hash, double connect_timeout_s, int io_cpu,
                       std::size_t max_candidates, std::size_t max_horizon, std::size_t threads) {
  ClientOptions options;
  options.version = version;
  options.on_miss = as_policy(on_miss);
  if (!rest.is_none()) {
    const Floats values = as_floats(rest, "rest");
    if (values.ndim() != 1 || values.size() == 0)
      throw py::value_error("rest must be one sample, (n_features,), got " + shape_of(values));
    options.rest.assign(values.data(), values.data() + values.size());
  }
  options.wait = as_wait(wait);
  options.capacity = capacity;
  options.contract_hash = contract_hash;
  const auto timeout_ns = std::chrono::nanoseconds(as_nanoseconds(connect_timeout_s, "connect_timeout_s"));
  options.connect_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout_ns);
  options.io_cpu = io_cpu;
  try {
    // In process, a model that needs ONNX Runtime gets it through the runtime's Python side.
    if (Address::parse(address).scheme == Scheme::kInproc) py::module_::import("learn_rt.runtime");
  } catch (const std::runtime_error& error) {
    throw py::value_error(error.what());
  }
  try {
    return py::cast(std::make_unique<PyClient>(address, model, options));
  } catch (const IsRollout&) {
    if (on_miss != "hold" || options.wait != ClientOptions().wait || capacity != ClientOptions().capacity ||
        io_cpu != -1) {
      throw py::value_error("on_miss, wait, capacity and io_cpu are not for a model of kind rollout, as " + model +
                            " is");
    }
    RolloutClientOptions of_rollout;
    of_rollout.version = version;
    of_rollout.rest = options.rest;
    of_rollout.contract_hash = contract_hash;
    of_rollout.connect_timeout = options.connect_timeout;
    of_rollout.max_candidates = max_candidates;
    of_rollout.max_horizon = max_horizon;
    of_rollout.threads = threads;
    return connect_rollout(address, model, of_rollout);
  } catch (const std::runtime_error& error) {
    PyErr_SetString(PyExc_ConnectionError, error.what());
    throw py::error_already_set();
  }
}

py::array_t<float> values_of(const Prediction& p) { return py::array_t<float>(p.n_outputs, p.values); }

template <std::uint32_t kBits>
bool has(const Prediction& p) {
  return (p.flags & kBits) != 0;
}

std::string describe(const Prediction& p) {
  return py::str("Prediction(sequence={}, values={}, flags={}, latency_us={:.1f})")
      .format(p.sequence, py::list(values_of(p)), p.flags, static_cast<double>(p.latency_ns) * 1e-3)
      .cast<std::string>();
}

}  // namespace
}  // namespace learn_rt::client

PYBIND11_MODULE(_client, m) {
  using learn_rt::ClientStats;
  using learn_rt::Prediction;
  using learn_rt::RolloutClientOptions;
  using learn_rt::client::PyClient;
  namespace c = learn_rt::client;
  m.doc() = "The C++ client; see learn_rt.client.";

  py::class_<Prediction>(m, "Prediction", py::module_local())
      .def_property_readonly("values", &c::values_of)
      .def_readonly("flags", &Prediction::flags)
      .def_readonly("sequence", &Prediction::sequence)
      .def_property_readonly("latency_us", [](const Prediction& p) { return static_cast<double>(p.latency_ns) * 1e-3; })
      .def_property_readonly("queue_us", [](const Prediction& p) { return static_cast<double>(p.queue_ns) * 1e-3; })
      .def_property_readonly("compute_us", [](const Prediction& p) { return static_cast<double>(p.compute_ns) * 1e-3; })
      .def_property_readonly("wire_us", [](const Prediction& p) { return static_cast<double>(p.wire_ns) * 1e-3; })
      .def_property_readonly("warming_up", &c::has<learn_rt::kWarmingUp>)
      .def_property_readonly("out_of_trained_range", &c::has<learn_rt::kOutOfTrainedRange>)
      .def_property_readonly("limited", &c::has<learn_rt::kLimited>)
      .def_property_readonly("refused", &c::has<learn_rt::kRefused>)
      .def_property_readonly("late", &c::has<learn_rt::kLate>)
      .def_property_readonly("disconnected", &c::has<learn_rt::kDisconnected>)
      .def("__repr__", &c::describe);

  py::class_<ClientStats>(m, "Stats", py::module_local())
      .def_readonly("pushed", &ClientStats::pushed)
      .def_readonly("answered", &ClientStats::answered)
      .def_readonly("missed", &ClientStats::missed)
      .def_readonly("late", &ClientStats::late)
      .def_readonly("overruns", &ClientStats::overruns)
      .def_readonly("reconnects", &ClientStats::reconnects)
      .def("__repr__", [](const ClientStats& s) {
        return py::str("Stats(pushed={}, answered={}, missed={}, late={}, overruns={}, reconnects={})")
            .format(s.pushed, s.answered, s.missed, s.late, s.overruns, s.reconnects);
      });

  py::class_<PyClient>(m, "Client", py::module_local())
      .def("predict", &PyClient::predict, "sample"_a, "deadline_s"_a = py::none(), "nominal"_a = py::none(),
           py::kw_only(), "deadline_us"_a = py::none())
      .def("try_push", &PyClient::try_push, "sample"_a)
      .def("try_pop", &PyClient::try_pop)
      .def("latest", &PyClient::latest)
      .def("flush", &PyClient::flush)
      .def("run", &PyClient::run, "samples"_a, "flush"_a = false, py::kw_only(), "timeout_s"_a = 10.0)
      .def("close", &PyClient::close)
      .def_property_readonly("spec", &PyClient::spec)
      .def_property_readonly("spec_json", &PyClient::spec_json)
      .def_property_readonly("stats", &PyClient::stats)
      .def_property_readonly("last_error", &PyClient::last_error)
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](PyClient& self, const py::args&) { self.close(); });

  c::bind_rollout(m);

  m.def("connect", &c::connect_any, "address"_a, "model"_a, "version"_a = "stable", py::kw_only(), "on_miss"_a = "hold",
        "rest"_a = py::none(), "wait"_a = "doze", "capacity"_a = 1024, "contract_hash"_a = "",
        "connect_timeout_s"_a = 5.0, "io_cpu"_a = -1, "max_candidates"_a = RolloutClientOptions().max_candidates,
        "max_horizon"_a = RolloutClientOptions().max_horizon, "threads"_a = RolloutClientOptions().threads);
}
