"""A planned path in time, to be sampled at any rate.

Public: `Trajectory.sample(rate_hz, ...) -> Samples`, `Trajectory.knots(...)` for offsets at knots beside a finer
command, `print_mass_kg(filament_mm)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

FILAMENT_AREA_MM2 = math.pi / 4 * 1.75**2
FILAMENT_KG_PER_MM3 = 1.24e-6  # PLA
Array = NDArray[np.float64]

# A move in time: from v0 up to vp, along, and down to v1, at one acceleration. A pause has no length, v0 = vp = v1 = 0.
SEGMENT = np.dtype(
    [
        ("start_s", "f8"),
        ("duration_s", "f8"),
        ("start", "f8", 3),  # x, y, z [mm]
        ("unit", "f8", 4),  # x, y, z, filament a mm of way
        ("length", "f8"),  # of the way [mm]; of filament where only that moves
        ("v0", "f8"),
        ("vp", "f8"),
        ("v1", "f8"),
        ("acceleration", "f8"),
        ("filament", "f8"),  # fed before this move [mm]
        ("layer", "i4"),
        ("feature", "i1"),
        ("extruding", "?"),
        ("travel", "?"),
    ]
)


@dataclass(frozen=True, slots=True)
class Samples:
    """A path at equally spaced ticks; every array has n entries. At a corner a tick belongs to the move that begins."""

    time: Array  # [s]
    x: Array  # [mm]
    y: Array
    z: Array
    vx: Array  # [mm/s]
    vy: Array
    ax: Array  # [mm/s2] of the move's profile: what a corner's jump adds is not in it
    ay: Array
    jx: Array  # [mm/s3] difference of ax over the tick that ends here
    filament_mm: Array  # net length fed since the start
    extruding: NDArray[np.bool_]  # filament goes out while the nozzle moves in x or y
    travel: NDArray[np.bool_]  # the nozzle moves in x or y without extruding
    layer: NDArray[np.int32]
    feature: NDArray[np.int8]  # index into features.FEATURES

    @property
    def xy(self) -> Array:
        """Return the positions (n, 2) [mm]."""
        return np.stack([self.x, self.y], 1)

    def cut(self, part: slice) -> Samples:
        """Return the same of some of the ticks."""
        return Samples(*(getattr(self, f.name)[part] for f in fields(self)))


@dataclass(frozen=True, slots=True)
class Trajectory:
    """Consecutive moves in time: `table` has dtype SEGMENT. In a piece of a longer one, time is that of the whole."""

    table: NDArray[Any]

    @property
    def start_s(self) -> float:
        """Return when the first move begins."""
        return float(self.table["start_s"][0])

    @property
    def end_s(self) -> float:
        """Return when the last move ends."""
        return float(self.table["start_s"][-1] + self.table["duration_s"][-1])

    @property
    def duration_s(self) -> float:
        """Return how long it takes."""
        return self.end_s - self.start_s

    def sample(self, rate_hz: float, first: int | None = None, n: int | None = None) -> Samples:
        """Return the path at ticks `first`, `first` + 1, ...; tick i is at i / rate_hz of the whole's time.

        By default the ticks from the first one in it to the first one at or after its end. Before and after, the path
        stands still.
        Raises: ValueError: a rate or a count out of range.
        """
        if not (math.isfinite(rate_hz) and 1 <= rate_hz <= 1e6):
            raise ValueError(f"rate_hz must be from 1 to 1,000,000, got {rate_hz}")
        first = math.ceil(self.start_s * rate_hz - 1e-6) if first is None else first
        n = math.ceil(self.end_s * rate_hz - 1e-6) + 1 - first if n is None else n
        if n < 0:
            raise ValueError(f"n must not be below 0, got {n}")
        out, which = np.empty((8, n)), np.empty(n, np.int64)
        t = self.table
        times = (t["start_s"], t["duration_s"])
        profile = (t["length"], t["v0"], t["vp"], t["v1"], t["acceleration"])
        if n:
            _sample(*times, *profile, t["start"], t["unit"], t["filament"], rate_hz, first, out, which)
        x, y, z, vx, vy, ax, ay, filament = out
        time = np.arange(first, first + n) / rate_hz
        inside = (time >= self.start_s) & (vx != np.inf)
        for array in (vx, vy, ax, ay):
            array[~inside] = 0.0
        return Samples(
            time=time,
            x=x,
            y=y,
            z=z,
            vx=vx,
            vy=vy,
            ax=ax,
            ay=ay,
            jx=np.diff(ax, prepend=ax[:1]) * rate_hz,
            filament_mm=filament,
            extruding=t["extruding"][which] & inside,
            travel=t["travel"][which] & inside,
            layer=t["layer"][which],
            feature=t["feature"][which],
        )

    def knots(self, knot_hz: float = 500.0, every: int = 8, tail_s: float = 0.2) -> tuple[Samples, Array]:
        """Return (the path at k knots, the command ((k - 1) * every + 1, 2) [mm] sampled `every` times finer).

        The last `tail_s` stand still, so that the plant comes to rest. Pass the command to `plant.simulate` with the
        same `every`, dt_s = 1 / (knot_hz * every), and offsets (k, 2) at the knots.
        """
        first = math.ceil(self.start_s * knot_hz - 1e-6)
        k = math.ceil((self.end_s + tail_s) * knot_hz - 1e-6) + 1 - first
        fine = self.sample(knot_hz * every, first * every, (k - 1) * every + 1)
        return self.sample(knot_hz, first, k), fine.xy


def print_mass_kg(filament_mm: Array) -> Array:
    """Return the mass [kg] of the print after so much filament."""
    return np.maximum(filament_mm, 0.0) * (FILAMENT_AREA_MM2 * FILAMENT_KG_PER_MM3)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _sample(  # type: ignore[no-untyped-def]
    start_s, duration_s, length, v0, vp, v1, acceleration, start, unit, filament, rate_hz, first, out, which
):
    """Fill out (8, n) with x, y, z, vx, vy, ax, ay, filament, and `which` with the move of each tick.

    Beyond the end vx is set to infinity, as a mark.
    """
    last = start_s.size - 1
    row = max(np.searchsorted(start_s, first / rate_hz) - 1, 0)
    for i in range(which.size):
        t = (first + i) / rate_hz
        while row < last and t >= start_s[row + 1]:
            row += 1
        which[i] = row
        tau = min(max(t - start_s[row], 0.0), duration_s[row])
        left = duration_s[row] - tau
        a = acceleration[row]
        if tau * a < vp[row] - v0[row]:
            s, v = (v0[row] + 0.5 * a * tau) * tau, v0[row] + a * tau
        elif left * a < vp[row] - v1[row]:
            s, v, a = length[row] - (v1[row] + 0.5 * a * left) * left, v1[row] + a * left, -a
        else:
            up = (vp[row] - v0[row]) / a
            s, v, a = 0.5 * (v0[row] + vp[row]) * up + vp[row] * (tau - up), vp[row], 0.0
        for axis in range(3):
            out[axis, i] = start[row, axis] + unit[row, axis] * s
        out[3, i], out[4, i] = unit[row, 0] * v, unit[row, 1] * v
        out[5, i], out[6, i] = unit[row, 0] * a, unit[row, 1] * a
        out[7, i] = filament[row] + unit[row, 3] * s
        if row == last and left <= 0.0:
            out[3, i] = np.inf
