"""Versions of one model that come and go, streams that ask which one answered, and the truth of each."""

from __future__ import annotations

import json
import queue
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import tritonclient.grpc as triton
from numpy.typing import NDArray

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
