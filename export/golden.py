"""golden.npz: held-out samples with the float64 module's answers, which every loader replays before it serves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.export.names import graph_inputs, split
from learn_rt.spec import Spec

N_GOLDEN = 64  # replayed at each load: enough to see a wrong operator, a few milliseconds on the native engine


def write_golden(path: Path, held_out: NDArray[np.float32], y: NDArray[np.float64], spec: Spec) -> None:
    """Write `x` (n, window, n_features) float32 and `y` (n, n_outputs) float64: samples spread over the held-out set,
    the one with the largest answer among them. A rollout's inputs are `x` and `actions`, by their names in the graph.
    """
    rows = np.unique(np.linspace(0, len(held_out) - 1, N_GOLDEN).astype(int))
    largest = int(np.abs(y).reshape(len(y), -1).max(1).argmax())
    rows = np.union1d(rows[:-1] if len(rows) == N_GOLDEN else rows, [largest])
    arrays: dict[str, Any] = dict(zip(graph_inputs(spec), split(held_out[rows], spec), strict=True))
    arrays = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    np.savez(path, **arrays, y=y[rows])


def read_golden(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return (x, y)."""
    with np.load(path, allow_pickle=False) as golden:
        return golden["x"], golden["y"]
