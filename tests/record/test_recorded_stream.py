"""A stream with a gap, a reset and a killed server, recorded at both ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from smooth_path import path_of

from learn_rt.client import connect
from learn_rt.record import read, replay
from learn_rt.record.incidents import incidents
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

Soon = Callable[[Callable[[], bool]], None]
Serve = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def serve(repository: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts a server that records into the folder `server`."""
    started: list[subprocess.Popen[str]] = []

    def start(address: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "learn_rt.serve.cli", str(repository), "--listen", address, "--json"]
        command += ["--record", str(tmp_path / "server"), "--drain-s", "0", "--backend", "native"]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        assert started[-1].stdout is not None
        assert json.loads(started[-1].stdout.readline())["ready"]
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("transport", ["unix", "shm"])
def test_gaps_a_reset_and_a_killed_server_replay_bit_for_bit_from_both_ends(
    transport: str, repository: Path, serve: Serve, soon: Soon, tmp_path: Path
) -> None:
    address = f"unix:{tmp_path / 's'}" if transport == "unix" else f"shm:test-record-{tmp_path.name}"
    samples = path_of(2000)
    first = serve(address)
    with connect(address, "printer", rest=samples[0], record=str(tmp_path / "client")) as client:
        for k in range(300):
            client.predict(samples[k], 10.0)
        client.predict(np.full(5, np.nan, np.float32), 10.0)
        for k in range(300, 400):
            client.predict(samples[k], 10.0)
        first.kill()
        first.wait()
        soon(lambda: bool(client.last_error))
        for k in range(400, 450):
            assert client.predict(samples[k], 0.0).disconnected
        # Written a second after; it may tell of the refused sample too, or that came just before in a file of its own.
        soon(lambda: any("stream lost" in read(p).reason for p in (tmp_path / "client").glob("*.lrec")))
        second = serve(address)
        client.run(samples[450:1400], timeout_s=60.0)
        for k in range(1400, 2000):
            client.predict(samples[k], 10.0)
        second.send_signal(signal.SIGUSR1)
        soon(lambda: len(list((tmp_path / "server").glob("*.lrec"))) == 1)
        seen_by_client = read(client.dump())
    seen_by_server = read(next((tmp_path / "server").glob("*.lrec")))

    of_client, of_server = (replay(seen, repository) for seen in (seen_by_client, seen_by_server))
    for by_itself in (tmp_path / "client").glob("*.lrec"):
        assert replay(read(by_itself), repository).identical
    assert of_client.identical, of_client.first
    assert of_server.identical, of_server.first
    assert of_client.sessions == 2
    assert of_client.unchecked == of_server.unchecked == 0
    happened = [i.what for i in incidents(seen_by_client)]
    assert "samples refused" in happened
    assert "samples without an answer" in happened
    assert "lost" in happened
    assert happened.count("a session began at rest") + happened.count("a session began cold") == 2
    with_onnx = replay(seen_by_client, repository, "onnxruntime")
    assert with_onnx.within_tolerance
    assert not with_onnx.identical


def test_a_server_shows_the_gaps_and_flushes_of_any_client(
    repository: Path, serve: Serve, soon: Soon, tmp_path: Path
) -> None:
    process = serve(f"unix:{tmp_path / 's'}")
    samples = path_of(100)
    recording = read(_ask_with_a_gap(tmp_path, process, samples, soon))
    done = replay(recording, repository)
    assert done.identical
    assert done.answers == 100 + 2  # and the flush of two ticks of preview
    assert [(i.what, i.sequence, i.n) for i in incidents(recording) if i.what == "samples never came"] == [
        ("samples never came", 60, 5)
    ]


def _ask_with_a_gap(folder: Path, process: subprocess.Popen[str], samples: np.ndarray, soon: Soon) -> Path:
    from learn_rt.client import connect as describe

    with describe(f"unix:{folder / 's'}", "printer") as client:
        contract = client.spec.contract_hash

    def requests() -> Iterator[pb.PredictRequest]:
        yield pb.PredictRequest(open=pb.Open(model="printer", contract_hash=contract, rest=samples[0]))
        for k, sample in enumerate(samples):
            yield pb.PredictRequest(sequence=k if k < 60 else k + 5, stamp_ns=k, samples=sample, flush=k == 99)

    with grpc.insecure_channel(f"unix:{folder / 's'}") as channel:
        assert len(list(rpc.PredictorStub(channel).Predict(requests(), timeout=30))) == 101
    process.send_signal(signal.SIGUSR1)
    soon(lambda: any(folder.glob("server/*.lrec")))
    return next(folder.glob("server/*.lrec"))


def test_a_stream_that_ends_with_an_error_is_written_by_itself(
    repository: Path, serve: Serve, soon: Soon, tmp_path: Path
) -> None:
    serve(f"unix:{tmp_path / 's'}")
    samples = path_of(10)
    with connect(f"unix:{tmp_path / 's'}", "printer") as client:
        contract = client.spec.contract_hash
    requests = [
        pb.PredictRequest(open=pb.Open(model="printer", contract_hash=contract)),
        pb.PredictRequest(sequence=1, samples=samples.ravel()),
        pb.PredictRequest(sequence=11, samples=samples.ravel()[:7]),
    ]
    with grpc.insecure_channel(f"unix:{tmp_path / 's'}") as channel, pytest.raises(grpc.RpcError):
        list(rpc.PredictorStub(channel).Predict(iter(requests), timeout=30))
    soon(lambda: any((tmp_path / "server").glob("*.lrec")))
    recording = read(next((tmp_path / "server").glob("*.lrec")))
    assert recording.reason == "fault: stream ended with an error"
    assert "multiple of 5" in recording.events[0].text
    assert replay(recording, repository).identical
