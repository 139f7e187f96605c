"""How good a print is: the distance to the planned path near that time, and the plain error in time."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
NEAR_S = 0.05  # the planned path from 50 ms before to 50 ms after counts as "near that time"


@dataclass(frozen=True)
class Figures:
    """One print's errors [um], over extruding samples."""

    rms_um: float
    contour_rms_um: float
    contour_p99_um: float
    contour_max_um: float


class Tally:
    """Gathers the errors of a print made in stretches; of a whole day's print too, in 8 bytes a tick."""

    def __init__(self) -> None:
        self._in_time: list[NDArray[np.float32]] = []
        self._contour: list[NDArray[np.float32]] = []

    def add(self, actual: Array, planned: Array, extruding: NDArray[np.bool_], dt_s: float) -> None:
        """Add a stretch: actual, planned: (n, 2) positions [mm] at a step of `dt_s` [s]; extruding: (n,)."""
        self._in_time.append(np.hypot(*(actual - planned)[extruding].T).astype(np.float32))
        self._contour.append(contour_error(actual, planned, dt_s)[extruding].astype(np.float32))

    def figures(self) -> Figures:
        """Return the errors of all stretches together.

        Raises: ValueError: nothing was extruded.
        """
        if not sum(map(len, self._contour)):
            raise ValueError("the print must have extruding moves: nothing is extruded here")
        in_time, contour = np.concatenate(self._in_time), np.concatenate(self._contour)
        return Figures(
            rms_um=1e3 * float(np.sqrt(np.mean(in_time**2, dtype=np.float64))),
            contour_rms_um=1e3 * float(np.sqrt(np.mean(contour**2, dtype=np.float64))),
            contour_p99_um=1e3 * float(np.percentile(contour, 99)),
            contour_max_um=1e3 * float(contour.max()),
        )


def contour_error(actual: Array, planned: Array, dt_s: float, near_s: float = NEAR_S) -> Array:
    """Return the length (n,) [mm] of `contour_vector`."""
    vector = contour_vector(actual, planned, dt_s, near_s)
    return np.hypot(vector[:, 0], vector[:, 1])


def contour_vector(actual: Array, planned: Array, dt_s: float, near_s: float = NEAR_S) -> Array:
    """Return the way (n, 2) [mm] to each actual position from the nearest point of the planned path.

    The path is the polyline through the positions planned within `near_s` of that time. A delay along a straight line
    costs nothing here; a rounded corner or a wave beside the line does.
    """
    near = max(1, round(near_s / dt_s))
    return _vectors(np.ascontiguousarray(actual), np.ascontiguousarray(planned), near)


@numba.njit(cache=True, nogil=True)
def _vectors(actual: Array, planned: Array, near: int) -> Array:
    n = len(actual)
    out = np.empty((n, 2))
    for k in range(n):
        px, py = actual[k, 0], actual[k, 1]
        out[k, 0], out[k, 1] = px - planned[k, 0], py - planned[k, 1]
        best = out[k, 0] ** 2 + out[k, 1] ** 2
        for i in range(max(0, k - near), min(n - 1, k + near)):
            ax, ay = planned[i, 0], planned[i, 1]
            dx, dy = planned[i + 1, 0] - ax, planned[i + 1, 1] - ay
            length2 = dx * dx + dy * dy
            t = 0.0
            if length2 > 0.0:
                t = min(1.0, max(0.0, ((px - ax) * dx + (py - ay) * dy) / length2))
            ex, ey = px - ax - t * dx, py - ay - t * dy
            distance2 = ex * ex + ey * ey
            if distance2 < best:
                best = distance2
                out[k, 0], out[k, 1] = ex, ey
    return out
