"""Stretches of planned paths laid anywhere on the bed: turned, mirrored, moved, faster or slower, all by a seed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Half of the stretches keep the planned speed; the others run at this fraction of it, at the least and the most.
SLOWEST, FASTEST = 0.7, 1.3
# Of the stretches are turned by right angles only, so that lines along an axis, as slicers draw them, stay so.
RIGHT_ANGLES = 0.5


def lay(
    paths: Sequence[Array], n: int, count: int, rng: np.random.Generator, bed_mm: tuple[float, float], dt_s: float
) -> Array:
    """Return `count` stretches (count, n, 5) of n ticks, cut from paths in proportion to their length and laid out.

    Args: paths: (ticks, 5) x, y, z [mm], vx, vy [mm/s] each; bed_mm: a stretch lies within 0 and these.
    Raises: ValueError: no path is long enough.
    """
    longest = int(n * FASTEST) + 2
    usable = [p for p in paths if len(p) >= longest]
    if not usable:
        have = max((len(p) for p in paths), default=0)
        raise ValueError(f"a path must have at least {longest} ticks to cut a stretch of, the longest has {have}")
    weights = np.array([len(p) - longest + 1 for p in usable], np.float64)
    which = rng.choice(len(usable), count, p=weights / weights.sum())
    laid = np.empty((count, n, 5))
    for i, w in enumerate(which):
        speed = 1.0 if rng.random() < 0.5 else rng.uniform(SLOWEST, FASTEST)
        first = rng.integers(0, len(usable[w]) - longest + 1)
        laid[i] = _place(_resample(usable[w][first : first + longest], n, speed, dt_s), rng, np.array(bed_mm))
    return laid


def _resample(path: Array, n: int, speed: float, dt_s: float) -> Array:
    """Return n ticks of a path run at `speed` times its speed: cubic between its ticks, and still where it stands."""
    if speed == 1.0:
        return path[:n]
    at = np.arange(n) * speed
    low = at.astype(np.int64)
    s = (at - low)[:, None]
    start, step = path[low, :2], path[low + 1, :2] - path[low, :2]
    v0, v1 = path[low, 3:], path[low + 1, 3:]
    place = start + step * (3 * s**2 - 2 * s**3) + dt_s * (v0 * (s**3 - 2 * s**2 + s) + v1 * (s**3 - s**2))
    velocity = step / dt_s * (6 * s - 6 * s**2) + v0 * (3 * s**2 - 4 * s + 1) + v1 * (3 * s**2 - 2 * s)
    return np.concatenate([place, path[low, 2:3], velocity * speed], 1)


def _place(path: Array, rng: np.random.Generator, bed: Array) -> Array:
    """Return a path turned, mirrored and moved to a random place; one larger than the bed sticks out evenly."""
    if rng.random() < RIGHT_ANGLES:
        cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][rng.integers(4)]
    else:
        angle = rng.uniform(0, 2 * np.pi)
        cosine, sine = np.cos(angle), np.sin(angle)
    turn = np.array([[cosine, -sine], [sine, cosine]], np.float64)
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    place, velocity = path[:, :2] @ turn.T, path[:, 3:] @ turn.T
    low, high = place.min(0), place.max(0)
    room = bed - (high - low)
    corner = np.where(room > 0, rng.uniform(0, 1, 2) * room, room / 2)
    return np.concatenate([place - low + corner, path[:, 2:3], velocity], 1)
