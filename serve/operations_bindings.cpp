#include "operations_bindings.h"

#include <pybind11/stl.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "privileges.h"

namespace py = pybind11;

namespace learn_rt::serve {
namespace {

using Buckets = StageHistogram::Buckets;

constexpr std::array<const char*, Counters::kFlags> kFlagNames{"warming_up", "out_of_trained_range", "limited",
                                                               "refused"};
constexpr std::array<const char*, CodeCounts::kCodes> kCodeNames{
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

// {code: n} of the codes that came.
py::dict to_python(const CodeCounts& counts) {
  py::dict row;
  for (std::size_t i = 0; i < CodeCounts::kCodes; ++i) {
    if (const std::uint64_t n = counts.of(i); n != 0) row[kCodeNames[i]] = n;
  }
  return row;
}

py::dict to_python(const StageHistogram& stage) {
  std::vector<std::uint64_t> counts(Buckets::kBuckets);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = stage.in_bucket(i);
  py::dict row;
  row["counts"] = counts;
  row["sum_s"] = static_cast<double>(stage.sum_ns()) * 1e-9;
  return row;
}

py::dict to_python(ModelHost& host) {
  const Counters& counters = host.counters();
  py::dict row, flags, stages;
  row["model"] = host.name() + "/" + std::to_string(host.version());
  row["name"] = host.name();
  row["version"] = std::to_string(host.version());
  row["backend"] = host.model().backend();
  row["sessions_open"] = counters.sessions_open.load();
  row["sessions_total"] = counters.sessions_total.load();
  row["requests"] = counters.requests.load();
  row["failures"] = counters.failures.total();
  row["failures_by_code"] = to_python(counters.failures);
  row["answers"] = counters.answers.load();
  for (std::size_t bit = 0; bit < Counters::kFlags; ++bit) flags[kFlagNames[bit]] = counters.flagged[bit].load();
  row["flags"] = flags;
  stages["receive"] = to_python(counters.stages.receive);
  stages["compute"] = to_python(counters.stages.compute);
  stages["settle"] = to_python(counters.stages.settle);
  stages["send"] = to_python(counters.stages.send);
  row["stages"] = stages;
  return row;
}

py::list stats(const Server& server) {
  py::list rows;
  for (const auto& host : server.repository().running()) rows.append(to_python(*host));
  return rows;
}

py::dict streams(const Server& server) {
  py::dict row;
  row["open"] = server.gate().inside();
  row["most"] = server.gate().max_streams();
  row["ready"] = server.gate().ready();
  row["refused"] = to_python(server.gate().journal().refusals());
  row["log_dropped"] = server.gate().journal().dropped();
  const record::Recorder* recorder = server.recorder();
  const record::RecorderStats recorded = recorder != nullptr ? recorder->stats() : record::RecorderStats{};
  row["recordings"] = recorded.files;
  row["recording_failures"] = recorded.failures;
  row["not_recorded"] = recorded.not_recorded;
  return row;
}

// A text that a stranger may have sent pieces of, and that may be cut in the middle of a character.
py::str text(const char* bytes) {
  return py::reinterpret_steal<py::str>(
      PyUnicode_DecodeUTF8(bytes, static_cast<py::ssize_t>(std::char_traits<char>::length(bytes)), "replace"));
}

py::list events(Server& server) {
  static constexpr std::array<const char*, 8> kKinds{"stream_opened",  "stream_closed",    "stream_refused",
                                                     "version_loaded", "version_unloaded", "version_refused",
                                                     "stream_swapped", "version_left_out"};
  py::list rows;
  while (const auto event = server.gate().journal().try_pop()) {
    py::dict row;
    row["event"] = kKinds[event->kind];
    row["at_s"] = static_cast<double>(event->at_ms) * 1e-3;
    if (event->kind != Event::kRefused) {
      row["model"] = text(event->model.data());
      row["version"] = event->version;
    }
    if (event->kind < Event::kLoaded) row["peer"] = text(event->peer.data());
    if (event->kind == Event::kClosed) row["answers"] = event->answers;
    if (event->kind == Event::kClosed || event->kind == Event::kRefused)
      row["code"] = kCodeNames[static_cast<std::size_t>(event->code)];
    if (event->kind != Event::kOpened) row["cause"] = text(event->cause.data());
    rows.append(row);
  }
  return rows;
}

std::vector<double> stage_bounds_s() {
  std::vector<double> bounds(Buckets::kBuckets);
  for (std::size_t i = 0; i < bounds.size(); ++i) bounds[i] = static_cast<double>(Buckets::highest_ns(i)) * 1e-9;
  return bounds;
}

}  // namespace

void bind_operations(py::module_& m, py::class_<Server>& server) {
  server
      .def("stats", &stats,
           "What was asked of each model so far; sessions_open is now. stages: name -> {counts (one a bucket), sum_s}.")
      .def("streams", &streams,
           "Streams now: open, most (the limit), ready; refused so far by code; log_dropped; recordings (files), "
           "recording_failures, not_recorded (streams that no memory was left for).")
      .def("events", &events,
           "Take what happened to streams and versions since the last call, oldest first. One thread at a time.");
  m.attr("STAGE_BOUNDS_S") = stage_bounds_s();
  m.def("lock_memory", &lock_memory, "Keep touched pages in memory; return why not, or ''.");
  m.def("run_realtime", &run_realtime, py::arg("priority"),
        "Run every thread but this one under SCHED_FIFO; return why not, or ''.");
}

}  // namespace learn_rt::serve
