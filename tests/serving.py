"""The real server as a process, and its model with an oracle."""

from __future__ import annotations

import json
import select
import signal
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_client.parser import text_string_to_metric_families

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

    def metric(self, name: str) -> float:
        """Return a figure of /metrics, summed over its labels; needs --json and --metrics."""
        with urllib.request.urlopen(json.loads(self.line)["metrics"], timeout=30) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return sum(s.value for family in families for s in family.samples if s.name == name)

    def until(self, name: str, value: float) -> None:
        """Wait until a figure has this value."""
        end = time.monotonic() + 30
        while (now := self.metric(name)) != value:
            assert time.monotonic() < end, f"{name} is {now}, not {value}"
            time.sleep(0.02)

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
