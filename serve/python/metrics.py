"""What the server counts, as Prometheus reads it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

MODEL = ("model", "version")
STAGES = {
    "receive": "gRPC: from the bytes of a message to its request",
    "compute": "from the request to its answer",
    "settle": "work after the answer that the next sample would wait for",
    "send": "gRPC: from the answer handed over to its bytes written",
}
SHORTEST_S = 250e-9  # what takes less is one bucket


def registry(server: Any, bounds_s: Sequence[float], version: str) -> CollectorRegistry:
    """Return what is scraped: the server's figures, and those of its process (memory, CPU, files).

    Args: bounds_s: the longest duration [s] of each bucket of the server's histograms.
    """
    found = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=found)
    PlatformCollector(registry=found)
    found.register(ServerCollector(server, bounds_s, version))
    return found


class ServerCollector:
    """Reads the C++ server's counters when it is scraped; the serving threads never wait for it."""

    def __init__(self, server: Any, bounds_s: Sequence[float], version: str) -> None:
        self._server = server
        self._bounds_s = bounds_s
        self._version = version

    def describe(self) -> Iterable[Metric]:
        """Return nothing: the names are known when it is scraped."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return every family of metrics, as of now."""
        models, streams = self._server.stats(), self._server.streams()
        yield from self._of_server(models, streams)
        yield from self._of_models(models)
        yield from self._of_stages(models)

    def _of_server(self, models: list[dict[str, Any]], streams: dict[str, Any]) -> Iterator[Metric]:
        info = GaugeMetricFamily("learn_rt_info", "This software, and what it serves: 1.", labels=["release"])
        info.add_metric([self._version], 1)
        yield info
        served = GaugeMetricFamily("learn_rt_model_info", "A served model: 1.", labels=[*MODEL, "backend"])
        for row in models:
            served.add_metric([row["name"], row["version"], row["backend"]], 1)
        yield served
        yield GaugeMetricFamily("learn_rt_ready", "1: takes new streams. 0: shuts down.", value=float(streams["ready"]))
        yield GaugeMetricFamily("learn_rt_streams_open", "Streams open now, on all addresses.", value=streams["open"])
        yield GaugeMetricFamily("learn_rt_streams_most", "Streams that may be open at once.", value=streams["most"])
        refused = CounterMetricFamily(
            "learn_rt_streams_refused", "Streams that ended before they had a model.", labels=["code"]
        )
        for code, n in streams["refused"].items():
            refused.add_metric([code], n)
        yield refused
        yield CounterMetricFamily(
            "learn_rt_log_dropped", "Events of streams that the log had no room for.", value=streams["log_dropped"]
        )
        recorded = {
            "recordings": "Recordings written.",
            "recording_failures": "Recordings that could not be written.",
            "not_recorded": "Streams that no memory was left to record.",
        }
        for name, what in recorded.items():
            yield CounterMetricFamily(f"learn_rt_{name}", what, value=streams[name])

    def _of_models(self, models: list[dict[str, Any]]) -> Iterator[Metric]:
        sessions = GaugeMetricFamily("learn_rt_sessions_open", "Sessions open now.", labels=MODEL)
        begun = CounterMetricFamily("learn_rt_sessions", "Sessions opened.", labels=MODEL)
        requests = CounterMetricFamily("learn_rt_requests", "Requests answered.", labels=MODEL)
        answers = CounterMetricFamily("learn_rt_answers", "Samples and windows answered.", labels=MODEL)
        failures = CounterMetricFamily(
            "learn_rt_failures", "Requests refused or failed, by gRPC's status code.", labels=[*MODEL, "code"]
        )
        flags = CounterMetricFamily("learn_rt_flags", "Answers with a flag.", labels=[*MODEL, "flag"])
        for row in models:
            labels = [row["name"], row["version"]]
            sessions.add_metric(labels, row["sessions_open"])
            begun.add_metric(labels, row["sessions_total"])
            requests.add_metric(labels, row["requests"])
            answers.add_metric(labels, row["answers"])
            for code, n in row["failures_by_code"].items():
                failures.add_metric([*labels, code], n)
            for flag, n in row["flags"].items():
                flags.add_metric([*labels, flag], n)
        yield from (sessions, begun, requests, answers, failures, flags)

    def _of_stages(self, models: list[dict[str, Any]]) -> Iterator[Metric]:
        for stage, what in STAGES.items():
            family = HistogramMetricFamily(f"learn_rt_{stage}_seconds", f"A message's {stage}: {what}.", labels=MODEL)
            for row in models:
                found = row["stages"][stage]
                buckets = cumulative(self._bounds_s, found["counts"])
                family.add_metric([row["name"], row["version"]], buckets, found["sum_s"])
            yield family


def cumulative(bounds_s: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return (le, how many took at most that long [s]) for each bound from SHORTEST_S on; the last le is +Inf."""
    totals = list(itertools.accumulate(counts))
    rows = [
        (f"{bound:.9g}", float(n))
        for bound, n in zip(bounds_s[:-1], totals[:-1], strict=True)  # the last bucket holds what is longer, too
        if bound >= SHORTEST_S
    ]
    return [*rows, ("+Inf", float(totals[-1]))]
