"""Input shapers: what printer users have today. Short impulse trains that the command is convolved with.

A shaper is tuned to one resonance. Times and amplitudes are the published ones (Singer and Seering 1990 for ZV,
Singhose 1994 for EI; MZV is the modified ZV of Klipper): with decay K over its spacing, the impulses leave no vibration
(ZV, MZV) or at most 5% (EI, in exchange for a band that forgives a mistuned frequency).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, pi, sqrt

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
EI_VIBRATION = 0.05  # the residual that EI allows at the tuned frequency


@dataclass(frozen=True)
class Shaper:
    """Impulses of sum 1: `amplitudes` at `times_s` after the command."""

    name: str
    amplitudes: tuple[float, ...]
    times_s: tuple[float, ...]

    @property
    def delay_s(self) -> float:
        """Mean delay: what a path at constant speed lags by."""
        return sum(a * t for a, t in zip(self.amplitudes, self.times_s, strict=True))

    def apply(self, command: Array, dt_s: float) -> Array:
        """Return the shaped command, its mean delay removed (the path is planned, so it can start that much earlier).

        Args: command: (n,) positions at a step of `dt_s` [s], joined by straight lines; it stands before its start and
            after its end.
        Returns: (n,) positions.
        """
        shaped = np.zeros_like(command)
        for amplitude, time in zip(self.amplitudes, self.times_s, strict=True):
            shaped += amplitude * delayed(command, (time - self.delay_s) / dt_s)
        return shaped


def zv(frequency_hz: float, damping: float) -> Shaper:
    """Return the zero-vibration shaper for a resonance of undamped frequency [Hz] and damping ratio."""
    period, k = _resonance(frequency_hz, damping, 0.5)
    return _shaper("zv", (1.0, k), (0.0, 0.5 * period))


def mzv(frequency_hz: float, damping: float) -> Shaper:
    """Return the modified zero-vibration shaper: three impulses within three quarters of a period."""
    period, k = _resonance(frequency_hz, damping, 0.375)
    outer = 1.0 - 1.0 / sqrt(2.0)
    return _shaper("mzv", (outer, (sqrt(2.0) - 1.0) * k, outer * k * k), (0.0, 0.375 * period, 0.75 * period))


def ei(frequency_hz: float, damping: float) -> Shaper:
    """Return the extra-insensitive shaper: three impulses within one period."""
    period, k = _resonance(frequency_hz, damping, 0.5)
    outer, middle = 0.25 * (1.0 + EI_VIBRATION), 0.5 * (1.0 - EI_VIBRATION)
    return _shaper("ei", (outer, middle * k, outer * k * k), (0.0, 0.5 * period, period))


SHAPERS: dict[str, Callable[[float, float], Shaper]] = {"zv": zv, "mzv": mzv, "ei": ei}


def delayed(signal: Array, samples: float) -> Array:
    """Return the signal `samples` later (any fraction; negative: earlier), joined by straight lines, ends held."""
    whole = int(np.floor(samples))
    part = samples - whole
    index = np.arange(len(signal))
    last = len(signal) - 1
    newer, older = signal[np.clip(index - whole, 0, last)], signal[np.clip(index - whole - 1, 0, last)]
    return (1.0 - part) * newer + part * older


def _resonance(frequency_hz: float, damping: float, spacing: float) -> tuple[float, float]:
    """Return the damped period [s] and the decay of the vibration over `spacing` periods."""
    if not (frequency_hz > 0 and 0 <= damping < 1):
        raise ValueError(
            f"a shaper needs a frequency above 0 and a damping in [0, 1), got {frequency_hz} Hz, {damping}"
        )
    root = sqrt(1.0 - damping * damping)
    return 1.0 / (frequency_hz * root), exp(-2.0 * pi * spacing * damping / root)


def _shaper(name: str, amplitudes: tuple[float, ...], times_s: tuple[float, ...]) -> Shaper:
    total = sum(amplitudes)
    return Shaper(name, tuple(a / total for a in amplitudes), times_s)
