"""How named signals, with their histories, lie side by side in one sample of a model.

Signals follow each other in the spec's order. One of major `term` is a block of its own: its value at each tick of its
history, one after another. Neighbours of major `time` that share history and order are one block, tick by tick: at
each tick all of them, in the spec's order. `oldest` puts the oldest tick of a block first, `newest` the newest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Major, Order, Signal, Spec


@dataclass(frozen=True, slots=True)
class Piece:
    """One tick of one signal, `size` values; `lag` 0 is the newest tick."""

    signal: int
    lag: int
    size: int


def pieces(signals: Sequence[Signal]) -> Iterator[Piece]:
    """Yield what a sample consists of, from its first value to its last."""

    def block(at: int) -> tuple[object, ...]:
        s = signals[at]
        stacked = s.major == Major.TIME and s.history > 1
        return (s.history, s.order) if stacked else (at,)

    for _, group in groupby(range(len(signals)), block):
        members = list(group)
        history = signals[members[0]].history
        for t in range(history):
            for i in members:
                yield Piece(i, t if signals[i].order == Order.NEWEST else history - 1 - t, signals[i].size)


def observe(spec: Spec, recording: Mapping[str, NDArray[np.floating]]) -> NDArray[np.float32]:
    """Return the samples (n_ticks, n_features) that a session makes of one recording.

    Args: recording: each input's values in its unit, tick by tick, (n_ticks, *shape); of an input that is fed back, the
        values that came back. Before the first tick, a history holds the first tick's value again.
    Raises: ValueError: a signal is missing or has another shape.
    """
    n_ticks: int | None = None
    wires = []
    for s in spec.inputs:
        if s.name not in recording:
            raise ValueError(f"the recording lacks {s.name!r}; it holds {', '.join(sorted(recording))}")
        values = np.asarray(recording[s.name], np.float64)
        n_ticks = len(values) if n_ticks is None else n_ticks
        if values.shape != (n_ticks, *s.shape):
            raise ValueError(f"{s.name} must have shape {(n_ticks, *s.shape)}, got {values.shape}")
        wires.append((values.reshape(n_ticks, s.size) - s.offsets) / s.scales)
    ticks = np.arange(n_ticks or 0)
    columns = [wires[p.signal][np.maximum(ticks - p.lag, 0)] for p in pieces(spec.inputs)]
    return np.concatenate(columns, 1).astype(np.float32)


def newest_columns(spec: Spec) -> Iterator[tuple[Signal, NDArray[np.intp]]]:
    """Yield each input with the columns of a sample that hold its newest tick, in the spec's order."""
    begin, places = 0, {}
    for piece in pieces(spec.inputs):
        if piece.lag == 0:
            places[piece.signal] = np.arange(begin, begin + piece.size)
        begin += piece.size
    for i, signal in enumerate(spec.inputs):
        yield signal, places[i]
