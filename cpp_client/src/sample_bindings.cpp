#include "sample_bindings.h"

#include <optional>
#include <vector>

#include "arrays.h"
#include "learn_rt/flags.h"
#include "pipeline.h"
#include "python_handle.h"

using namespace pybind11::literals;

namespace learn_rt::client {
namespace {

// What Python is given outlasts the client's next call.
struct PyPrediction : Prediction {
  explicit PyPrediction(const Prediction& prediction)
      : Prediction(prediction), kept(prediction.values, prediction.values + prediction.n_outputs) {}
  std::vector<float> kept;
};

constexpr const char* kOneByOne = "predict() and try_push() take one sample, run() takes many";

class PyClient : public PythonHandle<Client> {
 public:
  PyClient(const std::string& address, const std::string& model, const ClientOptions& options)
      : PythonHandle(address, model, options), capacity_(options.capacity) {}

  PyPrediction predict(const py::object& sample, std::optional<double> deadline_s, const py::object& nominal,
                       std::optional<double> deadline_us) {
    const Turn held = turn();
    Client& client = open();
    const std::chrono::nanoseconds deadline = as_deadline(deadline_s, deadline_us, "predict()");
    const FloatArray x = floats(sample, "sample", {n_features()}, kOneByOne);
    const std::optional<FloatArray> stand_in = as_nominal(nominal);
    const py::gil_scoped_release release;
    return PyPrediction(client.predict(x.data(), deadline, stand_in ? stand_in->data() : nullptr));
  }

  PyPrediction due(std::uint64_t sequence, const py::object& nominal) {
    const Turn held = turn();
    const std::optional<FloatArray> stand_in = as_nominal(nominal);
    return PyPrediction(open().due(sequence, stand_in ? stand_in->data() : nullptr));
  }

  std::string dump(const std::string& reason) {
    const Turn held = turn();
    Client& client = open();
    const py::gil_scoped_release release;
    return client.dump(reason);
  }

  void clear_fault() {
    const Turn held = turn();
    open().clear_fault();
  }

  void rehearse() {
    const Turn held = turn();
    open().rehearse();
  }

  const Client& client() { return open(); }

  bool try_push(const py::object& sample) {
    const Turn held = turn();
    return open().try_push(floats(sample, "sample", {n_features()}, kOneByOne).data());
  }

  std::optional<PyPrediction> try_pop() {
    const Turn held = turn();
    Prediction prediction;
    if (!open().try_pop(prediction)) return std::nullopt;
    return PyPrediction(prediction);
  }

  PyPrediction latest() {
    const Turn held = turn();
    return PyPrediction(open().latest());
  }

  bool flush() {
    const Turn held = turn();
    return open().flush();
  }

  py::tuple run(const py::object& samples, bool flush, double timeout_s) {
    const Turn held = turn();
    Client& client = open();
    const FloatArray x = floats(samples, "samples", {-1, n_features()});
    if (flush && x.shape(0) == 0) throw py::value_error("samples must hold at least one sample to flush after");
    const std::chrono::nanoseconds patience = as_time(timeout_s, "timeout_s");
    const auto n = static_cast<std::size_t>(x.shape(0));
    const std::size_t preview = flush ? promised().preview : 0;
    const auto rows = static_cast<py::ssize_t>(n + preview);
    py::array_t<float> answers({rows, n_outputs()});
    py::array_t<std::uint32_t> flags(rows);
    const Batch batch{x.data(),  n,       promised().n_features(), promised().n_outputs(),
                      capacity_, preview, answers.mutable_data(),  flags.mutable_data()};
    {
      const py::gil_scoped_release release;
      client::run(client, batch, patience, [] {
        const py::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) throw py::error_already_set();
      });
    }
    return py::make_tuple(answers, flags);
  }

 private:
  std::optional<FloatArray> as_nominal(const py::object& nominal) const {
    if (nominal.is_none()) return std::nullopt;
    return floats(nominal, "nominal", {n_outputs()});
  }
  py::ssize_t n_features() const { return static_cast<py::ssize_t>(promised().n_features()); }
  py::ssize_t n_outputs() const { return static_cast<py::ssize_t>(promised().n_outputs()); }

  const std::size_t capacity_;
};

py::array_t<float> values_of(const PyPrediction& p) { return py::array_t<float>(p.n_outputs, p.kept.data()); }

template <std::uint32_t kBits>
bool has(const PyPrediction& p) {
  return (p.flags & kBits) != 0;
}

std::string describe(const PyPrediction& p) {
  return py::str("Prediction(sequence={}, values={}, flags={}, latency_us={:.1f})")
      .format(p.sequence, py::list(values_of(p)), p.flags, static_cast<double>(p.latency_ns) * 1e-3)
      .cast<std::string>();
}

}  // namespace

py::object connect_samples(const std::string& address, const std::string& model, const ClientOptions& options) {
  return connect_as<PyClient>(address, model, options);
}

void bind_samples(py::module_& m) {
  py::class_<PyPrediction>(m, "Prediction", py::module_local())
      .def_property_readonly("values", &values_of)
      .def_readonly("flags", &PyPrediction::flags)
      .def_readonly("sequence", &PyPrediction::sequence)
      .def_readonly("version", &PyPrediction::version)
      .def_property_readonly("latency_us",
                             [](const PyPrediction& p) { return static_cast<double>(p.latency_ns) * 1e-3; })
      .def_property_readonly("queue_us", [](const PyPrediction& p) { return static_cast<double>(p.queue_ns) * 1e-3; })
      .def_property_readonly("compute_us",
                             [](const PyPrediction& p) { return static_cast<double>(p.compute_ns) * 1e-3; })
      .def_property_readonly("wire_us", [](const PyPrediction& p) { return static_cast<double>(p.wire_ns) * 1e-3; })
      .def_property_readonly("warming_up", &has<kWarmingUp>)
      .def_property_readonly("out_of_trained_range", &has<kOutOfTrainedRange>)
      .def_property_readonly("limited", &has<kLimited>)
      .def_property_readonly("refused", &has<kRefused>)
      .def_property_readonly("late", &has<kLate>)
      .def_property_readonly("disconnected", &has<kDisconnected>)
      .def_property_readonly("fault", &has<kFault>)
      .def_property_readonly("unfit", &has<kUnfit>)
      .def_property_readonly("replaced", &has<kReplaced>)
      .def_property_readonly("by_policy", &has<kByPolicy>)
      .def("__repr__", &describe);

  py::class_<ClientStats>(m, "Stats", py::module_local())
      .def_readonly("pushed", &ClientStats::pushed)
      .def_readonly("answered", &ClientStats::answered)
      .def_readonly("missed", &ClientStats::missed)
      .def_readonly("late", &ClientStats::late)
      .def_readonly("overruns", &ClientStats::overruns)
      .def_readonly("reconnects", &ClientStats::reconnects)
      .def_readonly("duplicated", &ClientStats::duplicated)
      .def_readonly("disordered", &ClientStats::disordered)
      .def_readonly("garbled", &ClientStats::garbled)
      .def_readonly("replaced", &ClientStats::replaced)
      .def_readonly("faults", &ClientStats::faults)
      .def("__repr__", [](const ClientStats& s) {
        return py::str(
                   "Stats(pushed={}, answered={}, missed={}, late={}, overruns={}, reconnects={}, duplicated={}, "
                   "disordered={}, garbled={}, replaced={}, faults={})")
            .format(s.pushed, s.answered, s.missed, s.late, s.overruns, s.reconnects, s.duplicated, s.disordered,
                    s.garbled, s.replaced, s.faults);
      });

  py::class_<PyClient> client(m, "Client", py::module_local());
  client
      .def("predict", &PyClient::predict, "sample"_a, "deadline_s"_a = py::none(), "nominal"_a = py::none(),
           py::kw_only(), "deadline_us"_a = py::none())
      .def("try_push", &PyClient::try_push, "sample"_a)
      .def("try_pop", &PyClient::try_pop)
      .def("latest", &PyClient::latest)
      .def("due", &PyClient::due, "sequence"_a, "nominal"_a = py::none())
      .def("flush", &PyClient::flush)
      .def("clear_fault", &PyClient::clear_fault)
      .def("rehearse", &PyClient::rehearse)
      .def(
          "dump",
          [](PyClient& self, const std::string& reason) {
            return py::module_::import("pathlib").attr("Path")(self.dump(reason));
          },
          "reason"_a = "request")
      .def_property_readonly("fault", [](PyClient& self) { return self.client().fault(); })
      .def_property_readonly("lead_ticks", [](PyClient& self) { return self.client().lead_ticks(); })
      .def("run", &PyClient::run, "samples"_a, "flush"_a = false, py::kw_only(), "timeout_s"_a = 10.0);
  PyClient::bind(client);
}

}  // namespace learn_rt::client
