#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "learn_rt/repository_folders.h"
#include "operations_bindings.h"
#include "server.h"

namespace py = pybind11;
using namespace learn_rt::serve;

namespace {

using Source = std::tuple<std::string, std::int64_t, std::filesystem::path>;

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1e3));
}

std::unique_ptr<Server> make_server(const std::vector<Source>& sources, const std::vector<std::string>& listen,
                                    const std::string& backend, std::size_t max_streams, const std::string& version,
                                    std::size_t rollout_threads, const std::string& tls_cert,
                                    const std::string& tls_key, const std::string& tls_client_ca,
                                    const std::string& tokens, bool insecure, const std::string& record,
                                    double record_s, const std::filesystem::path& repository,
                                    const std::vector<std::string>& wanted, double watch_s, std::size_t max_sequences,
                                    double sequence_idle_s, bool load_by_call, const std::vector<std::string>& spin,
                                    int spin_cpu, std::size_t max_streams_of_host, double stream_idle_s,
                                    double max_rate, std::size_t max_buffer_mb) {
  std::vector<ModelSource> models;
  for (const auto& [name, number, folder] : sources) models.push_back({name, number, folder});
  ServerOptions options;
  options.listen = listen;
  options.spin = spin;
  options.spin_cpu = spin_cpu;
  options.streams = {max_streams, max_streams_of_host, milliseconds(stream_idle_s), max_rate};
  options.max_buffers = max_buffer_mb << 20;
  options.rollout_threads = rollout_threads;
  options.version = version;
  options.record = record;
  options.record_s = record_s;
  options.loader = {repository, backend, wanted, milliseconds(watch_s), load_by_call};
  options.max_sequences = max_sequences;
  options.sequence_idle = milliseconds(sequence_idle_s);
  options.security = {tls_cert, tls_key, tls_client_ca, tokens, insecure};
  return std::make_unique<Server>(Repository::load(models, backend), options);
}

py::list models(const Server& server) {
  py::list rows;
  for (const auto& host : server.repository().hosts()) {
    py::dict row;
    row["name"] = host->name();
    row["version"] = host->version();
    row["backend"] = host->model().backend();
    row["choice"] = host->model().choice();
    rows.append(row);
  }
  return rows;
}

void stop(Server& server, double drain_s) { server.stop(milliseconds(drain_s)); }

}  // namespace

PYBIND11_MODULE(_serve, m) {
  m.doc() = "The gRPC server. Python starts and stops it; no Python runs between the socket and the kernel.";
  const py::call_guard<py::gil_scoped_release> without_gil;
  py::class_<Server> server(m, "Server");
  server
      .def(py::init(&make_server), py::arg("models"), py::arg("listen"), py::arg("backend") = "auto",
           py::arg("max_streams") = 256, py::arg("version") = "", py::arg("rollout_threads") = 1,
           py::arg("tls_cert") = "", py::arg("tls_key") = "", py::arg("tls_client_ca") = "", py::arg("tokens") = "",
           py::arg("insecure") = false, py::arg("record") = "", py::arg("record_s") = 60.0, py::arg("repository") = "",
           py::arg("wanted") = std::vector<std::string>(), py::arg("watch_s") = 0.0, py::arg("max_sequences") = 256,
           py::arg("sequence_idle_s") = 60.0, py::arg("load_by_call") = true,
           py::arg("spin") = std::vector<std::string>(), py::arg("spin_cpu") = -1, py::arg("max_streams_of_host") = 0,
           py::arg("stream_idle_s") = 0.0, py::arg("max_rate") = 0.0, py::arg("max_buffer_mb") = 0, without_gil,
           "Load each (name, version, folder) and serve them; ready when it returns. Later versions are loaded from\n"
           "`repository`, by call (when `load_by_call`) or, every `watch_s` seconds (0: never), of the `wanted` models "
           "(none: of all). One\n"
           "thread polls the addresses `spin`, on the CPU `spin_cpu` (-1: on any).\n\n"
           "Raises: ValueError: an address is not one. RuntimeError: which folder, file or address, and the cause.")
      .def_property_readonly("addresses", &Server::addresses, "Where it listens, with the ports that were taken.")
      .def_property_readonly("spin_addresses", &Server::spin_addresses, "Those that a thread polls.")
      .def_property_readonly("open_streams", &Server::open_streams)
      .def("models", &models, "What is served: dicts of name, version, backend and choice (why this backend).")
      .def("dump", &Server::dump, py::arg("reason") = "request", without_gil,
           "Write a recording of each stream; return the files' paths.\n\n"
           "Raises: RuntimeError: nothing is recorded, or which file cannot be written, and why.")
      .def("stop", &stop, py::arg("drain_s") = 1.0, without_gil,
           "Be not ready, give streams `drain_s` seconds to end by themselves, end the others with UNAVAILABLE.");
  m.def("model_folders", &learn_rt::model_folders, py::arg("repository"),
        "Return the names of the models in a repository: its folders that hold a version, and are not hidden.");
  m.def("version_folders", &learn_rt::version_folders, py::arg("model"),
        "Return the versions in a model's folder, ascending: its folders whose names are positive integers.");
  bind_operations(m, server);
}
