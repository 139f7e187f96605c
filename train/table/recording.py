"""A recording: signals by name, each with its own sample times."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
TIME_NAMES = ("time", "timestamp", "t", "time_s", "t_s", "time_ms", "time_us", "time_ns", "timestamp_ms", "stamp")
UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


@dataclass(frozen=True)
class Signal:
    """Values (n,) and their times (n,) [s], rising. A value that is missing is not finite."""

    t: Array
    v: Array

    @property
    def interval_s(self) -> float:
        """Median time between two samples; 0 where there is only one."""
        return float(np.median(np.diff(self.t))) if len(self.t) > 1 else 0.0


@dataclass(frozen=True)
class Recording:
    """What one file holds of the signals that were asked for."""

    name: str
    signals: dict[str, Signal]
    timed: bool  # whether the times come from the file; else they count samples


def seconds(values: NDArray[np.generic], name: str, unit: str, where: str) -> tuple[Array, Fraction]:
    """Return times in seconds from the first, and the first [s]; they rise.

    Args: unit: s, ms, us, ns, or auto: by the column's name (`time_ms`), or epoch times by their size.
    Raises: ValueError: a time that is missing or does not rise (the message names the row).
    """
    if np.issubdtype(values.dtype, np.datetime64):
        if np.isnat(values).any():
            raise ValueError(f"{where}: {name} is missing in row {int(np.argmax(np.isnat(values))) + 1}")
        t = (values - values[0]) / np.timedelta64(1, "ns") * 1e-9
        first = Fraction(int(values[0].astype("datetime64[ns]").astype(np.int64)), 10**9)
    else:
        if values.dtype.kind not in "fiu":
            raise ValueError(f"{where}: {name} must hold times, it holds text in some row")
        raw = values.astype(np.float64)
        if not np.isfinite(raw).all():
            row = int(np.argmax(~np.isfinite(raw))) + 1
            raise ValueError(f"{where}: {name} is missing in row {row}: a sample without a time cannot be placed")
        # The first is taken off before scaling: epoch times in nanoseconds leave a double few digits.
        since = values.astype(np.int64) - int(values[0]) if values.dtype.kind in "iu" else raw - raw[0]
        factor = UNITS_S[_unit_of(name, raw) if unit == "auto" else unit]
        t = since * factor
        first = Fraction(values[0].item()) / round(1 / factor)
    steps = np.diff(t)
    if len(steps) and not (steps > 0).all():
        row = int(np.argmax(~(steps > 0))) + 2
        raise ValueError(
            f"{where}: {name} does not rise in row {row} ({values[row - 2]} then {values[row - 1]}): sort the rows, "
            "remove doubles, or split the file where the clock was set back"
        )
    return np.asarray(t, dtype=np.float64), first


def _unit_of(name: str, raw: Array) -> str:
    suffix = name.rstrip("])").replace("[", "_").replace("(", "_").replace(" ", "").rsplit("_", 1)[-1]
    if suffix in UNITS_S:
        return suffix
    size = abs(float(raw[0])) if len(raw) else 0.0
    # Seconds since 1970 have ten digits in this century.
    return "ns" if size > 1e17 else "us" if size > 1e14 else "ms" if size > 1e11 else "s"


def sparse(t: Array, v: Array) -> Signal:
    """Return a column's signal; a slower one, with a value only in some of the rows, is not a broken one.

    Rows without its value are others' (every k-th row is its own, or the file merges signals by their times) where
    values stay as near in time as ever. A value that is missing leaves a gap of twice that.
    """
    there = np.flatnonzero(np.isfinite(v))
    gone = np.flatnonzero(~np.isfinite(v))
    if len(there) < 3 or not len(gone):
        return Signal(t, v)
    known = t[there]
    after = np.searchsorted(there, gone)
    inside = (after > 0) & (after < len(there))  # before the first value and after the last nothing is known
    gaps = known[after[inside]] - known[after[inside] - 1]
    others = np.mean(gaps < 1.5 * np.median(np.diff(known))) > 0.9 if inside.any() else False
    return Signal(known, v[there]) if others else Signal(t, v)
