"""A small untrained model, and the real server of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture(scope="session")
def repository(small_version: Path) -> Path:
    """A repository with the model `printer`, version 1."""
    return small_version.parent.parent


Started = tuple[subprocess.Popen[str], list[str]]


@pytest.fixture(scope="session")
def serve_repository() -> Iterator[Callable[[Path, list[str]], Started]]:
    """Starts learn-serve on a repository at addresses; returns the process and where it listens, once it is ready."""
    processes: list[subprocess.Popen[str]] = []

    def start(repository: Path, addresses: list[str], options: Sequence[str] = ()) -> Started:
        command = [sys.executable, "-c", "from learn_rt.serve.cli import main; raise SystemExit(main())"]
        command += [str(repository), "--json", *(part for address in addresses for part in ("--listen", address))]
        command += options
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()  # comes once every model is loaded
        if not line:
            raise RuntimeError(f"learn-serve did not start: {process.stderr.read()}")
        return process, json.loads(line)["listen"]

    yield start
    for process in processes:
        process.send_signal(signal.SIGTERM)
        if process.stdout and not process.stdout.closed:  # a test may have ended it, and read what it said
            process.communicate(timeout=20)


@pytest.fixture(scope="session")
def serve(repository: Path, serve_repository: Callable[[Path, list[str]], Started]) -> Callable[[list[str]], Started]:
    """The same on the printer's repository."""
    return lambda addresses: serve_repository(repository, addresses)


@pytest.fixture(scope="session")
def server(
    repository: Path,
    serve: Callable[[list[str]], Started],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """Addresses by transport of a running learn-serve."""
    socket = tmp_path_factory.mktemp("socket") / "learn.sock"
    _, listen = serve([f"unix:{socket}", "grpc://127.0.0.1:0", f"shm:test-client-{os.getpid()}"])
    return {"inproc": f"inproc:{repository}"} | {a.partition(":")[0]: a for a in listen}


@pytest.fixture(scope="session")
def serve_secure(serve_repository: Callable[..., Started]) -> Callable[[Path, list[str]], tuple[Any, str]]:
    """The same with options that say where to listen; returns the process and its one address."""

    def start(repository: Path, options: list[str]) -> tuple[Any, str]:
        process, (address,) = serve_repository(repository, [], options)
        return process, address

    return start


def smooth_path(n: int) -> np.ndarray:
    """Return samples (n, 5) float32 of a smooth path: x, y, z [mm], vx, vy [mm/s] at 500 Hz."""
    t = np.arange(n) * 0.002
    position = 10 * np.sin(2 * np.pi * np.array([0.7, 1.1]) * t[:, None] + np.array([0.4, 2.0]))
    velocity = np.gradient(position, 0.002, axis=0)
    return np.concatenate([position, np.full((n, 1), 0.2), velocity], axis=1).astype(np.float32)


@pytest.fixture(scope="session")
def path() -> Callable[[int], np.ndarray]:
    """Makes a smooth path of n samples."""
    return smooth_path
