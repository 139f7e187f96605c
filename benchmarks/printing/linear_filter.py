"""The learned baseline: a linear filter over the same window, fitted to the same targets by ridge least squares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[np.float64]
FEATURES = 4  # a tick: velocity and position increment of both axes
CHUNK = 8192  # windows at a time: 12 MB of features


@dataclass(frozen=True)
class LinearFilter:
    """Offsets from the last `steps` velocities and position increments, for the tick `preview` before the newest.

    weights: (steps * 4, 2).
    """

    weights: Array
    steps: int
    preview: int

    def offsets(self, samples: NDArray[np.floating]) -> Array:
        """Return offsets (n, 2) [mm] for raw samples (n, 5), the path standing before its start and after its end."""
        windows = _windows(samples, self.steps, self.preview)
        parts = [windows[i : i + CHUNK].reshape(-1, len(self.weights)) for i in range(0, len(windows), CHUNK)]
        return np.concatenate([part @ self.weights for part in parts])


def fit(paths: Iterable[tuple[Array, Array]], steps: int, preview: int, ridge: float = 1e-8) -> LinearFilter:
    """Return the filter nearest to the targets of all paths, over the windows that lie inside them.

    Args: paths: raw samples (n, 5) and target offsets (n, 2) [mm] of each; ridge: relative to the features' mean power.
    """
    size = steps * FEATURES
    gram, moment = np.zeros((size, size)), np.zeros((size, 2))
    for samples, targets in paths:
        inside = slice(steps - preview, len(samples) - preview)
        windows, wanted = _windows(samples, steps, preview)[inside], targets[inside]
        for i in range(0, len(windows), CHUNK):
            part = windows[i : i + CHUNK].reshape(-1, size)
            gram += part.T @ part
            moment += part.T @ wanted[i : i + CHUNK]
    # velocities [mm/s] and increments [mm] differ by the tick: each is shrunk by its own power
    power = np.diag(gram).reshape(steps, FEATURES).mean(0)
    gram[np.diag_indices(size)] += ridge * np.tile(power, steps)
    return LinearFilter(np.asarray(np.linalg.solve(gram, moment), dtype=np.float64), steps, preview)


def _windows(samples: NDArray[np.floating], steps: int, preview: int) -> Array:
    """Return a view (n, steps, 4) of the features around each tick, oldest first."""
    x = np.asarray(samples, dtype=np.float64)
    before, after = np.repeat(x[:1], steps - preview, 0), np.repeat(x[-1:], preview, 0)
    before[:, 3:], after[:, 3:] = 0.0, 0.0
    whole = np.concatenate([before, x, after])
    features = np.concatenate([whole[1:, 3:], np.diff(whole[:, :2], axis=0)], 1)
    windows: Array = sliding_window_view(features, steps, axis=0).swapaxes(1, 2)
    return windows
