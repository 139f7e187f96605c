"""Signals of any rate on one grid, as a controller has them: nothing is taken from the future of an input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.table.recording import Array, Recording, Signal

LOST = 2.5  # intervals without a sample after which a signal counts as lost


@dataclass(frozen=True)
class Segment:
    """A stretch of a recording without gaps: inputs (n, n_features), outputs (n, n_outputs)."""

    recording: str
    x: Array
    y: Array


def on_grid(
    recording: Recording, inputs: list[str], outputs: list[str], dt_s: float, max_gap: float = LOST
) -> list[Segment]:
    """Return a recording's segments at one sample each dt_s.

    An input that is slower than the grid keeps its last value, one that is faster is averaged over the dt_s before;
    an output is interpolated. Where a signal was lost for more than `max_gap` of its intervals, a segment ends.
    """
    signals = recording.signals
    used = [signals[name] for name in (*inputs, *outputs)]
    first, last = max(s.t[0] for s in used), min(s.t[-1] for s in used)
    n = int(np.floor((last - first) / dt_s + 1e-6)) + 1
    if last < first or n < 1:
        return []
    grid = first + np.arange(n) * dt_s
    there = np.ones(n, dtype=bool)
    columns = []
    for i, signal in enumerate(used):
        values, known = (_held if i < len(inputs) else _interpolated)(_finite(signal), grid, dt_s, max_gap)
        columns.append(values)
        there &= known
    table = np.stack(columns, 1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    k = len(inputs)
    return [
        Segment(recording.name, table[a:b, :k], table[a:b, k:]) for a, b in zip(edges[::2], edges[1::2], strict=True)
    ]


def _finite(signal: Signal) -> Signal:
    there = np.isfinite(signal.v)
    return signal if there.all() else Signal(signal.t[there], signal.v[there])


def _held(signal: Signal, grid: Array, dt_s: float, max_gap: float) -> tuple[Array, NDArray[np.bool_]]:
    if not len(signal.t):
        return np.full(len(grid), np.nan), np.zeros(len(grid), dtype=bool)
    interval = signal.interval_s or dt_s
    slack = 1e-3 * min(dt_s, interval)  # times are rounded: a sample at the tick counts as there
    at = np.searchsorted(signal.t, grid + slack, side="right") - 1
    values = signal.v[np.maximum(at, 0)]
    if interval < 0.75 * dt_s:
        sums = np.concatenate([[0.0], np.cumsum(signal.v - signal.v[0])])
        start = np.searchsorted(signal.t, grid - dt_s + slack, side="right")
        count = at + 1 - start
        mean = (sums[at + 1] - sums[np.minimum(start, at + 1)]) / np.maximum(count, 1) + signal.v[0]
        values = np.where(count > 0, mean, values)
    age = grid - signal.t[np.maximum(at, 0)]
    return values, (at >= 0) & (age <= max_gap * max(interval, dt_s))


def _interpolated(signal: Signal, grid: Array, dt_s: float, max_gap: float) -> tuple[Array, NDArray[np.bool_]]:
    if len(signal.t) < 2:
        return _held(signal, grid, dt_s, max_gap)
    values = np.interp(grid, signal.t, signal.v)
    after = np.clip(np.searchsorted(signal.t, grid, side="left"), 1, len(signal.t) - 1)
    gap = signal.t[after] - signal.t[after - 1]
    slack = 1e-3 * min(dt_s, signal.interval_s)
    nearest = np.where(grid - signal.t[after - 1] < signal.t[after] - grid, after - 1, after)
    near = np.abs(grid - signal.t[nearest]) <= slack
    values = np.where(near, signal.v[nearest], values)  # a clock's rounding is no reason to interpolate
    inside = (grid >= signal.t[0] - slack) & (grid <= signal.t[-1] + slack)
    return values, inside & (near | (gap <= max_gap * max(signal.interval_s, dt_s)))
