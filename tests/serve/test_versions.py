"""Versions come, go and come back while streams run: each answer is that of the version it names."""

from __future__ import annotations

import json
import queue
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from numpy.typing import NDArray

from learn_rt.record import read, replay
from learn_rt.record.incidents import incidents
from learn_rt.v1 import predictor_pb2 as pb
from learn_rt.v1 import predictor_pb2_grpc as rpc

SWAPPING = 256
NOT_FREE = 1 | 4 | 8 | SWAPPING  # warming up, limited, refused: not what the model itself says


def only(*versions: int) -> str:
    """Return the config that asks for these versions."""
    return json.dumps({"version_policy": {"specific": {"versions": versions}}})


def eventually(condition: Callable[[], bool]) -> None:
    """Wait for what the server will do."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Stream:
    """One Predict stream: each answer with its flags and the version that gave it."""

    def __init__(self, channel: Any, contract_hash: str, swap: int) -> None:
        self._requests: queue.SimpleQueue[pb.PredictRequest | None] = queue.SimpleQueue()
        self._answers = rpc.PredictorStub(channel).Predict(iter(self._requests.get, None))
        self.values: list[list[float]] = []
        self.flags: list[int] = []
        self.versions: list[int] = []
        self._version = 0
        self._ask(pb.PredictRequest(open=pb.Open(model="printer", contract_hash=contract_hash, swap=swap)))

    def _ask(self, request: pb.PredictRequest) -> pb.PredictResponse:
        self._requests.put(request)
        answer = next(self._answers)
        if answer.HasField("opened"):
            self._version = answer.opened.version
        return answer

    def sample(self, sample: NDArray[np.float32]) -> None:
        """Take one sample's answer."""
        n = len(self.values)
        answer = self._ask(pb.PredictRequest(samples=sample, sequence=n))
        assert answer.sequence == n
        self.values.append(list(answer.predictions))
        self.flags.append(answer.flags[0] if answer.flags else 0)
        self.versions.append(self._version)

    def close(self) -> None:
        """End it."""
        self._requests.put(None)
        assert list(self._answers) == []


class Versions:
    """A repository, a server of it, and the truth of each version."""

    def __init__(self, served: Any, second: Path, root: Path) -> None:
        self.spec, self.window = served.spec, served.spec.window
        self.served = served
        self.sources = {1: served.folder, 2: second}
        self.repository = root / "models"
        self.add(1)
        self.address = f"unix:{root}/s"

    def folder(self, version: int) -> Path:
        """A version's folder."""
        return self.repository / "printer" / str(version)

    def add(self, version: int) -> None:
        """Put a version in as an export does: all at once."""
        staged = self.repository / "printer" / ".tmp-copy"
        shutil.copytree(self.sources[version], staged)
        staged.rename(self.folder(version))

    def client(self) -> triton.InferenceServerClient:
        """tritonclient."""
        return triton.InferenceServerClient(self.address)

    def state(self, version: int) -> tuple[str, str]:
        """What the index says of a version: (state, reason)."""
        with self.client() as client:
            rows = {int(m.version): (m.state, m.reason) for m in client.get_model_repository_index().models}
        return rows.get(version, ("", ""))

    def stable(self) -> int:
        """Return the version that answers who names none."""
        with grpc.insecure_channel(self.address) as channel:
            return int(rpc.PredictorStub(channel).Describe(pb.DescribeRequest(model="printer")).version)

    @contextmanager
    def stream(self, swap: int) -> Iterator[Stream]:
        """An open stream."""
        with grpc.insecure_channel(self.address) as channel:
            opened = Stream(channel, self.spec.contract_hash, swap)
            yield opened
            opened.close()

    def check(self, stream: Stream, samples: NDArray[np.float32]) -> int:
        """Hold each answer to its version's windows and the envelope; return how many were free of flags."""
        import onnxruntime

        values, flags = np.array(stream.values, np.float64), np.array(stream.flags)
        versions = np.array(stream.versions)
        n, w = len(values), self.window
        assert n == len(samples)
        windows = self.served.sliding(samples)
        free = np.flatnonzero((flags & NOT_FREE) == 0)
        for version in sorted(set(versions[free])):
            session = onnxruntime.InferenceSession(
                self.sources[int(version)] / "model.onnx", providers=["CPUExecutionProvider"]
            )
            of = free[(versions[free] == version) & (free >= w - 1)]
            truth = session.run(["y"], {"x": windows[of - (w - 1)]})[0]
            assert np.abs(values[of] - truth).max() <= 2 * self.spec.tolerance, version
        dt = self.spec.dt_s
        for i, output in enumerate(self.spec.outputs):
            bound, y = output.envelope, np.concatenate([[0.0, 0.0], values[:, i]])
            spacing = 4 * np.spacing(np.float32(bound.value))
            assert np.abs(y).max() <= bound.value
            assert np.abs(np.diff(y)).max() <= bound.rate * dt + spacing
            assert np.abs(np.diff(y, 2)).max() <= bound.second * dt**2 + spacing
        return len(free)


@pytest.fixture
def versions(served: Any, second: Path, tmp_path: Path) -> Versions:
    """A repository that holds version 1."""
    return Versions(served, second, tmp_path)


def test_a_new_version_is_found_and_running_streams_follow_or_stay(
    versions: Versions, launch: Any, tmp_path: Path
) -> None:
    samples = versions.served.path(4000)
    options = ("--watch", "0.05", "--drain-s", "0", "--record", tmp_path / "boxes", "--backend", "native")
    watching = launch(versions.repository, "--listen", versions.address, *options)
    kinds = (pb.SWAP_NOW, pb.SWAP_CROSSFADE, pb.SWAP_PINNED, pb.SWAP_AT_REST)
    with watching as serving, ExitStack() as stack:
        streams = [stack.enter_context(versions.stream(kind)) for kind in kinds]

        def take(begin: int, end: int) -> None:
            for sample in samples[begin:end]:
                for stream in streams:
                    stream.sample(sample)

        take(0, 200)
        versions.add(2)
        eventually(lambda: versions.stable() == 2)
        n = 200
        while n < len(samples) - 300 and {s.versions[-1] for s in streams[:2]} != {2}:
            take(n, n + 10)
            n += 10
        take(n, n + 200)
        serving.process.send_signal(signal.SIGUSR1)
        boxes = tmp_path / "boxes"
        eventually(lambda: len(list(boxes.glob("*.lrec"))) == len(streams))
        stack.close()
        status, logged = serving.stop()
    assert [s.versions[-1] for s in streams] == [2, 2, 1, 1]  # the samples never stood still
    for stream in streams:
        assert versions.check(stream, samples[: n + 200]) > 100
    assert any(f & SWAPPING for f in streams[1].flags)
    assert status == 0
    assert "a stream goes on with printer/2 after version 1" in logged
    for path in boxes.glob("*.lrec"):
        recording = read(path)
        replayed = replay(recording, versions.repository)
        assert replayed.identical, replayed.first
        assert replayed.answers == n + 200
        told = [incident.what for incident in incidents(recording)]
        assert ("version 2 took over" in told) == (replayed.versions == [1, 2])


def test_a_version_that_comes_in_pieces_is_served_when_it_is_whole(versions: Versions, launch: Any) -> None:
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        shutil.copytree(versions.sources[2], versions.folder(2), ignore=shutil.ignore_patterns("golden.npz"))
        eventually(lambda: "golden.npz" in versions.state(2)[1])
        assert versions.state(2)[0] == "UNAVAILABLE"
        assert versions.stable() == 1
        shutil.copy(versions.sources[2] / "golden.npz", versions.folder(2))
        eventually(lambda: versions.stable() == 2)
        assert versions.state(2) == ("READY", "")
        shutil.rmtree(versions.folder(2))  # the newest that is left
        eventually(lambda: versions.stable() == 1)
        assert serving.stop()[0] == 0


def test_a_roll_back_by_call_holds_against_the_watcher_until_the_next_load(versions: Versions, launch: Any) -> None:
    versions.add(2)
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        assert versions.stable() == 2
        with versions.client() as client:
            client.load_model("printer", config=only(1))
            assert versions.stable() == 1
            shutil.copytree(versions.sources[2], versions.repository / "other" / "1")
            eventually(lambda: _served(client, "other"))
            assert versions.stable() == 1  # the watcher has been around
            client.load_model("printer")
            assert versions.stable() == 2
        assert serving.stop()[0] == 0


def _served(client: triton.InferenceServerClient, name: str) -> bool:
    return any(m.name == name and m.state == "READY" for m in client.get_model_repository_index().models)


def test_another_contract_is_left_out_by_the_watcher(versions: Versions, launch: Any, cart_version: Path) -> None:
    with launch(versions.repository, "--listen", versions.address, "--watch", "0.05", "--drain-s", "0") as serving:
        shutil.copytree(cart_version, versions.folder(2))
        eventually(lambda: "another contract than printer/1" in versions.state(2)[1])
        assert versions.stable() == 1
        assert serving.stop()[0] == 0


def test_many_streams_lose_nothing_over_many_swaps(versions: Versions, launch: Any) -> None:
    versions.add(2)
    samples, over = versions.served.path(200_000), threading.Event()
    kinds = [pb.SWAP_NOW, pb.SWAP_NOW, pb.SWAP_CROSSFADE, pb.SWAP_PINNED]
    streams: dict[int, Stream] = {}
    failures: list[BaseException] = []
    with launch(versions.repository, "--listen", versions.address, "--drain-s", "0") as serving:

        def run(i: int) -> None:
            try:
                with versions.stream(kinds[i]) as stream:
                    for n, sample in enumerate(samples):
                        stream.sample(sample)
                        if n == versions.window:
                            streams[i] = stream
                        if over.is_set():
                            break
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(kinds))]
        for thread in threads:
            thread.start()
        try:
            eventually(lambda: len(streams) == len(kinds) or bool(failures))
            with versions.client() as client:
                for i in range(6):
                    wanted, marks = 1 + i % 2, {k: len(s.values) for k, s in streams.items()}

                    def went_on(wanted: int = wanted, marks: dict[int, int] = marks) -> bool:
                        following = [streams[k] for k in range(3)]
                        far = all(len(streams[k].values) > mark + 250 for k, mark in marks.items())
                        return (far and all(s.versions[-1] == wanted for s in following)) or bool(failures)

                    client.load_model("printer", config=only(wanted))
                    eventually(went_on)
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert serving.stop()[0] == 0
    assert failures == []
    assert set(streams[3].versions) == {2}
    for stream in streams.values():
        assert versions.check(stream, samples[: len(stream.values)]) > 50
