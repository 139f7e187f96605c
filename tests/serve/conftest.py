"""A small untrained model, its oracle, and the real server of it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from learn_rt.spec import Spec

STARTS_WITHIN_S = 60.0  # on a machine that does much else


class Serving:
    """A `learn-serve` process and what it said when it was ready."""

    def __init__(self, *arguments: str | Path) -> None:
        command = [sys.executable, "-m", "learn_rt.serve.cli", *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], STARTS_WITHIN_S)[0]:
            self.process.kill()
            raise TimeoutError(f"not ready: {self.process.communicate()[1]}")
        self.line = self.process.stdout.readline()

    @property
    def addresses(self) -> list[str]:
        """Where it listens, in the order asked; needs --json."""
        return list(json.loads(self.line)["listen"])

    @property
    def polled(self) -> list[str]:
        """The addresses of --spin; needs --json."""
        return list(json.loads(self.line)["spin"])

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit status and what it logged."""
        self.process.send_signal(signal.SIGTERM)
        _, logged = self.process.communicate(timeout=30)
        return self.process.returncode, logged

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class Served:
    """The model of all tests, with `model.onnx` in ONNX Runtime as its oracle."""

    repository: Path
    spec: Spec
    windows: NDArray[np.float32]  # (n, window, 5), held out

    @property
    def folder(self) -> Path:
        """The version folder."""
        return self.repository / "printer" / "1"

    def oracle(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return model.onnx's answers (n, 2) to whole windows (n, window, 5)."""
        import onnxruntime

        session = onnxruntime.InferenceSession(self.folder / "model.onnx", providers=["CPUExecutionProvider"])
        return np.asarray(session.run(["y"], {"x": windows})[0])

    def path(self, n: int, seed: int = 3) -> NDArray[np.float32]:
        """Return samples (n, 5) of a smooth path inside the trained range: x, y, z [mm], vx, vy [mm/s]."""
        speed = 2 * np.pi * np.array([0.7, 1.1])  # rad/s
        angle = speed * np.arange(n)[:, None] * self.spec.dt_s + np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
        position, velocity = 100 + 5 * np.sin(angle), 5 * speed * np.cos(angle)
        return np.concatenate([position, np.full((n, 1), 20.0), velocity], axis=1).astype(np.float32)

    def sliding(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return every whole window (n - window + 1, window, 5) of the samples (n, 5)."""
        slid = np.lib.stride_tricks.sliding_window_view(samples, self.spec.window, axis=0)
        return np.ascontiguousarray(slid.transpose(0, 2, 1))


@pytest.fixture(scope="session")
def served(small: Any, small_version: Path) -> Served:
    """The model folder that all tests share."""
    repository = small_version.parent.parent
    return Served(repository, Spec.from_json((small_version / "spec.json").read_bytes()), small.held_out)


@pytest.fixture
def versions(served: Served, second: Path, tmp_path: Path) -> Any:
    """A repository of one's own that holds version 1, and may get version 2 (versioned.Versions)."""
    from versioned import Versions

    return Versions(served, second, tmp_path)


@pytest.fixture
def launch() -> type[Serving]:
    """Start a server of one's own: launch(*arguments)."""
    return Serving


@pytest.fixture(scope="session")
def launch_once() -> type[Serving]:
    """The same, for a server that a module's tests share."""
    return Serving


@pytest.fixture(scope="session")
def server(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A running server, on a Unix socket and a TCP port, and on a Unix socket that it polls where it has the CPUs."""
    socket = tmp_path_factory.mktemp("socket") / "s"
    listen: tuple[str, ...] = ("--listen", f"unix:{socket}", "--listen", "grpc://127.0.0.1:0")
    if len(os.sched_getaffinity(0)) > 1:
        listen += ("--spin", f"unix:{socket.with_name('polled')}")
    with Serving(served.repository, *listen, "--json", "--drain-s", "0") as serving:
        yield serving
        status, logged = serving.stop()
    assert status == 0, logged
    assert ", 0 open" in logged, logged


@pytest.fixture(scope="session")
def target(server: Serving) -> str:
    """The TCP address, HOST:PORT."""
    return server.addresses[1].removeprefix("grpc://")


@pytest.fixture(params=["unix", "grpc"])
def channel(server: Serving, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A channel to the server, over each transport."""
    import grpc

    address = server.addresses[0 if request.param == "unix" else 1].removeprefix("grpc://")
    with grpc.insecure_channel(address) as opened:
        yield opened
