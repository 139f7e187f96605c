"""An exported model with its oracle, and a path to run it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime

from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable


@dataclass(frozen=True)
class Exported:
    folder: Path
    spec: Spec
    module: Servable

    def truth(self, windows: np.ndarray) -> np.ndarray:
        """What ONNX Runtime makes of model.onnx: the oracle for every other way."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # more of them wait for each other on a busy machine
        session = onnxruntime.InferenceSession(self.folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        return np.concatenate(
            [session.run(["y"], {"x": chunk})[0] for chunk in np.array_split(windows, len(windows) // 1000 + 1)]
        )


def windows_of(path: np.ndarray, window: int) -> np.ndarray:
    """Return every full window of a path, (n - window + 1, window, n_features)."""
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(path, window, axis=0).swapaxes(1, 2))


def make_path(n: int, seed: int = 0) -> np.ndarray:
    """Return (n, 5) float32: straight moves at up to 150 mm/s on a 200 mm bed, 500 Hz, with stops in between."""
    random = np.random.default_rng(seed)
    samples: list[np.ndarray] = []
    at, z = np.array([100.0, 100.0]), 0.2
    while len(samples) < n:
        target = np.clip(at + random.uniform(-20, 20, 2), 0, 200)
        length, speed = np.linalg.norm(target - at), random.uniform(20, 150)
        ticks = max(2, int(1.5 * length / speed / 0.002))
        s = np.linspace(0, 1, ticks + 1)[1:]
        blend, slope = 3 * s**2 - 2 * s**3, (6 * s - 6 * s**2) / (ticks * 0.002)
        points, velocities = at + blend[:, None] * (target - at), slope[:, None] * (target - at)
        samples += [np.array([*p, z, *v]) for p, v in zip(points, velocities, strict=True)]
        samples += [np.array([*target, z, 0, 0])] * int(random.integers(0, 30))
        at, z = target, z + 0.2 * (random.random() < 0.1)
    return np.array(samples[:n], np.float32)
