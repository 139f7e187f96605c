"""What `/metrics` says of a real server, against what its clients saw."""

from __future__ import annotations

import collections
import math
import queue
import signal
import socket
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import numpy as np
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

FLAGS = {"warming_up": 1, "out_of_trained_range": 2, "limited": 4, "refused": 8}
MODEL = {"model": "printer", "version": "1"}


class Scrape:
    """One reading of /metrics, through prometheus_client's own parser."""

    def __init__(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain")
            text = answer.read().decode()
        self.families = {family.name: family for family in parse_text(text)}
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        """Return one sample's value; 0 for a counter of something that never came."""
        return self._samples.get((name, frozenset(labels.items())), 0.0)

    def buckets(self, stage: str) -> list[tuple[float, float]]:
        """Return (le [s], n) of a stage's histogram."""
        name = f"learn_rt_{stage}_seconds"
        samples = [s for s in self.families[name].samples if s.name.endswith("_bucket")]
        return [(float(s.labels["le"]), s.value) for s in samples if s.labels["model"] == "printer"]


class Stream:
    """A Predict stream that keeps what it was told."""

    def __init__(self, channel: Any, **opening: Any) -> None:
        self._requests: queue.SimpleQueue[pb.PredictRequest | None] = queue.SimpleQueue()
        self._answers = rpc.PredictorStub(channel).Predict(iter(self._requests.get, None), timeout=60)
        self.flags: collections.Counter[str] = collections.Counter()
        self.answers = self.requests = self.compute_ns = 0
        self.ask(pb.PredictRequest(open=pb.Open(**opening)))

    def ask(self, request: pb.PredictRequest) -> None:
        self._requests.put(request)
        answer = next(self._answers)
        if len(answer.predictions) == 0:
            return
        self.requests += 1
        self.answers += len(answer.predictions) // 2
        self.compute_ns += answer.compute_ns
        for word in answer.flags:
            self.flags.update(name for name, bit in FLAGS.items() if word & bit)

    def close(self) -> None:
        self._requests.put(None)
        assert list(self._answers) == []


@pytest.fixture
def metered(launch: Any, served: Any) -> Iterator[tuple[Any, str, Any]]:
    """A server of one's own with metrics: (its process, their URL, a channel)."""
    port = free_port()
    listen = ("--listen", "grpc://127.0.0.1:0", "--metrics", f"127.0.0.1:{port}")
    with launch(served.repository, *listen, "--json", "--drain-s", "5") as serving:
        with grpc.insecure_channel(serving.addresses[0].removeprefix("grpc://")) as channel:
            yield serving, f"http://127.0.0.1:{port}/metrics", channel
        assert serving.process.poll() is not None or serving.stop()[0] == 0


def free_port() -> int:
    """Return a port that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def until(holds: Callable[[Scrape], bool], url: str) -> Scrape:
    """Return the first reading that holds: some is counted after the answer has left."""
    end = time.monotonic() + 30
    while not holds(scrape := Scrape(url)):
        assert time.monotonic() < end, "never counted"
        time.sleep(0.02)
    return scrape


def test_every_figure_is_what_the_client_saw(metered: Any, served: Any) -> None:
    _, url, channel = metered
    samples = served.path(60)
    samples[20, 0] = math.nan
    samples[40:44, 3] = 400.0  # mm/s: beyond what training saw
    stream = Stream(channel, model="printer", contract_hash=served.spec.contract_hash)
    for sample in samples[:50]:
        stream.ask(pb.PredictRequest(samples=sample))
    stream.ask(pb.PredictRequest(samples=samples[50:].ravel(), flush=True))
    messages = stream.requests + 1  # and the opening
    scrape = until(lambda s: s("learn_rt_send_seconds_count", **MODEL) == messages, url)

    assert stream.answers == 60 + served.spec.preview
    assert scrape("learn_rt_answers_total", **MODEL) == stream.answers
    assert scrape("learn_rt_requests_total", **MODEL) == stream.requests == 51
    assert {flag: scrape("learn_rt_flags_total", flag=flag, **MODEL) for flag in FLAGS} == {
        flag: stream.flags[flag] for flag in FLAGS
    }
    assert stream.flags["refused"] == 1
    assert stream.flags["out_of_trained_range"] >= 4
    assert scrape("learn_rt_sessions_open", **MODEL) == scrape("learn_rt_streams_open") == 1
    assert scrape("learn_rt_sessions_total", **MODEL) == 1
    assert scrape("learn_rt_ready") == scrape("learn_rt_model_info", backend="native", **MODEL) == 1
    assert scrape("process_resident_memory_bytes") > 1e6

    assert scrape("learn_rt_compute_seconds_count", **MODEL) == stream.requests
    assert scrape("learn_rt_compute_seconds_sum", **MODEL) == pytest.approx(stream.compute_ns * 1e-9, abs=1e-9)
    for stage in ("receive", "settle", "send"):
        assert scrape(f"learn_rt_{stage}_seconds_count", **MODEL) == messages
    stream.close()
    until(lambda s: s("learn_rt_sessions_open", **MODEL) == s("learn_rt_streams_open") == 0, url)


def test_a_histogram_has_few_buckets_that_only_rise(metered: Any, served: Any) -> None:
    _, url, channel = metered
    stream = Stream(channel, model="printer", contract_hash=served.spec.contract_hash)
    for sample in served.path(30):
        stream.ask(pb.PredictRequest(samples=sample))
    stream.close()
    for stage in ("receive", "compute", "settle", "send"):
        bounds, counts = zip(*Scrape(url).buckets(stage), strict=True)
        assert len(bounds) <= 60
        assert bounds[0] < 1e-6
        assert bounds[-2] > 1.0
        assert bounds[-1] == math.inf
        assert (np.diff(bounds) > 0).all()
        assert (np.diff(counts) >= 0).all()


def test_statistics_of_the_open_inference_protocol_have_the_stages(metered: Any, served: Any) -> None:
    import tritonclient.grpc as triton

    serving, url, channel = metered
    stream = Stream(channel, model="printer", contract_hash=served.spec.contract_hash)
    stream.ask(pb.PredictRequest(samples=served.path(10).ravel()))
    scrape = until(lambda s: s("learn_rt_send_seconds_count", **MODEL) == 2, url)
    with triton.InferenceServerClient(serving.addresses[0].removeprefix("grpc://")) as client:
        (model,) = client.get_inference_statistics("printer").model_stats
    stats = model.inference_stats
    assert (stats.compute_infer.count, stats.compute_infer.ns) == (1, stream.compute_ns)
    for duration, stage in ((stats.compute_input, "receive"), (stats.compute_output, "send")):
        assert duration.count == 2
        assert duration.ns * 1e-9 == pytest.approx(scrape(f"learn_rt_{stage}_seconds_sum", **MODEL), abs=1e-9)
    stream.close()


def test_refusals_and_failures_are_counted_by_reason(metered: Any, served: Any) -> None:
    _, url, channel = metered
    for opening in ({"model": "other"}, {"model": "printer", "contract_hash": "00"}):
        with pytest.raises(grpc.RpcError):
            Stream(channel, **opening)
    stream = Stream(channel, model="printer", contract_hash=served.spec.contract_hash)
    with pytest.raises(grpc.RpcError):
        stream.ask(pb.PredictRequest(samples=[1.0] * 7))
    scrape = until(lambda s: s("learn_rt_streams_open") == 0, url)
    assert scrape("learn_rt_streams_refused_total", code="NOT_FOUND") == 1
    assert scrape("learn_rt_streams_refused_total", code="FAILED_PRECONDITION") == 1
    assert scrape("learn_rt_failures_total", code="INVALID_ARGUMENT", **MODEL) == 1


def test_a_scraper_that_asks_for_openmetrics_gets_it(metered: Any) -> None:
    _, url, _ = metered
    request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
        names = {family.name for family in parse_openmetrics(answer.read().decode())}
    assert {"learn_rt_ready", "learn_rt_answers", "learn_rt_compute_seconds"} <= names


def test_metrics_are_answered_while_the_server_drains(metered: Any, served: Any) -> None:
    serving, url, channel = metered
    stream = Stream(channel, model="printer", contract_hash=served.spec.contract_hash)
    serving.process.send_signal(signal.SIGTERM)
    scrape = until(lambda s: s("learn_rt_ready") == 0, url)
    assert scrape("learn_rt_streams_open") == 1
    stream.ask(pb.PredictRequest(samples=served.path(1).ravel()))  # an open stream goes on
    stream.close()
    serving.process.communicate(timeout=30)
    assert serving.process.returncode == 0
    with pytest.raises(OSError, match="refused"):
        Scrape(url)


def test_streams_in_shared_memory_are_counted(launch: Any, served: Any) -> None:
    from learn_rt.client import connect

    port = free_port()
    with launch(served.repository, "--listen", f"shm:metered{port}", "--metrics", f":{port}", "--json") as serving:
        client = connect(serving.addresses[0], "printer")
        for sample in served.path(20):
            client.predict(sample, deadline_s=10.0)
        url = f"http://127.0.0.1:{port}/metrics"
        scrape = until(lambda s: s("learn_rt_settle_seconds_count", **MODEL) == 20, url)
        assert scrape("learn_rt_answers_total", **MODEL) == scrape("learn_rt_compute_seconds_count", **MODEL) == 20
        assert scrape("learn_rt_flags_total", flag="warming_up", **MODEL) == served.spec.window - 1
        client.close()
        assert serving.stop()[0] == 0
