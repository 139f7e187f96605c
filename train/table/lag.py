"""How long after an input an output answers, by cross-correlation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from learn_rt.train.table.recording import Array
from learn_rt.train.table.resample import Segment

MAX_SAMPLES = 1 << 18  # of all segments together: enough to find a lag
HEARD = 0.1  # correlation below which there is nothing to report


@dataclass(frozen=True)
class Lag:
    """`output` follows `input` by `samples` [ticks]; below zero: it comes first. `correlation` is signed."""

    input: str
    output: str
    samples: int
    seconds: float
    correlation: float

    def plain(self) -> dict[str, Any]:
        """Return a dict for JSON."""
        return asdict(self)


def lags(segments: list[Segment], inputs: list[str], outputs: list[str], dt_s: float, reach: int) -> list[Lag]:
    """Return, for every output, the lag of each input that is heard in it, strongest first.

    Correlated are changes from tick to tick, so that a drift is not taken for an answer. Args: reach: largest lag that
    is looked for [ticks].
    """
    found = []
    for j, output in enumerate(outputs):
        rows = [_strongest(segments, i, j, reach) for i in range(len(inputs))]
        heard = [
            Lag(name, output, lag, lag * dt_s, round(float(c), 4))
            for name, (lag, c) in zip(inputs, rows, strict=True)
            if abs(c) >= HEARD
        ]
        found += sorted(heard, key=lambda lag: -abs(lag.correlation))
    return found


def _strongest(segments: list[Segment], i: int, j: int, reach: int) -> tuple[int, float]:
    """Return (lag, correlation) at the largest absolute correlation of the pieces' changes."""
    total, x2, y2, used = np.zeros(2 * reach + 1), 0.0, 0.0, 0
    for segment in segments:
        if used >= MAX_SAMPLES or len(segment.x) < 2 * reach + 2:
            continue
        x, y = _changes(segment.x[: MAX_SAMPLES - used, i]), _changes(segment.y[: MAX_SAMPLES - used, j])
        used += len(x)
        size = 1 << int(np.ceil(np.log2(len(x) + reach + 1)))
        both = np.fft.irfft(np.fft.rfft(y, size) * np.conj(np.fft.rfft(x, size)), size)
        total += np.concatenate([both[-reach:], both[: reach + 1]])
        x2, y2 = x2 + float(x @ x), y2 + float(y @ y)
    if x2 <= 0 or y2 <= 0:
        return 0, 0.0
    at = int(np.argmax(np.abs(total)))
    return at - reach, float(total[at] / np.sqrt(x2 * y2))


def _changes(values: Array) -> Array:
    steps = np.diff(values)
    return steps - steps.mean() if len(steps) else steps
