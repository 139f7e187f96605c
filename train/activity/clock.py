"""Signals of different clocks on one: linear interpolation, and what to do where one has a gap."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def at(times: Array, known: Array, values: NDArray[np.floating]) -> Array:
    """Return `values` (n, ...), known at rising times (n,), at other times; held beyond both ends."""
    place = np.interp(times, known, np.arange(len(known)))
    low = np.minimum(place.astype(np.int64), max(0, len(known) - 2))
    part = (place - low).reshape(-1, *([1] * (values.ndim - 1)))
    high = np.minimum(low + 1, len(known) - 1)
    return np.asarray(values[low] * (1.0 - part) + values[high] * part)


def covered(times: Array, known: Array, longest_gap: float) -> NDArray[np.bool_]:
    """Return where times lie inside what is known, between two neighbours no more than `longest_gap` apart."""
    after = np.clip(np.searchsorted(known, times), 1, len(known) - 1) if len(known) > 1 else np.zeros(len(times), int)
    close = known[after] - known[after - 1] <= longest_gap if len(known) > 1 else np.zeros(len(times), bool)
    return (times >= known[0]) & (times <= known[-1]) & close


def stretches(times: Array, longest_gap: float) -> list[slice]:
    """Return the parts of rising times (n,) between gaps longer than `longest_gap`."""
    cuts = np.flatnonzero(np.diff(times) > longest_gap) + 1
    bounds = [0, *cuts.tolist(), len(times)]
    return [slice(a, b) for a, b in pairwise(bounds)]
