"""The model-based baseline: invert the linear machine. Two constants an axis, identified from a run or known.

The machine's axis is m y'' + c (y' - u') + k (y - u) = 0 for the command u and the actual position y. For y to be the
plan r, the offset d = u - r must obey d + (c/k) d' = (m/k) r''.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.signal import cont2discrete, lfilter

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Axis:
    """A linear axis: `m_over_k` [s^2] and `c_over_k` [s]."""

    m_over_k: float
    c_over_k: float

    @property
    def frequency_hz(self) -> float:
        """Undamped natural frequency."""
        return float(1.0 / (2.0 * np.pi * np.sqrt(self.m_over_k)))

    @property
    def damping(self) -> float:
        """Damping ratio."""
        return float(0.5 * self.c_over_k / np.sqrt(self.m_over_k))

    @classmethod
    def of(cls, frequency_hz: float, damping: float) -> Axis:
        """Return the axis of an undamped natural frequency and a damping ratio."""
        root = 1.0 / (2.0 * np.pi * frequency_hz)
        return cls(root * root, 2.0 * damping * root)

    def respond(self, command: Array, dt_s: float) -> Array:
        """Return where the axis goes, (n,), for commands (n,) joined by straight lines, from rest at the first one."""
        system = ([self.c_over_k, 1.0], [self.m_over_k, self.c_over_k, 1.0])
        b, a, _ = cont2discrete(system, dt_s, method="foh")
        response: Array = lfilter(b[0], a, command - command[0])
        return command[0] + response

    def offsets(self, planned: Array, dt_s: float) -> Array:
        """Return the offsets d (n,) [mm] that invert the axis for planned positions (n,) [mm].

        The acceleration is the second difference of the positions, one tick of preview, so that what happens between
        two ticks (a corner's jump of the speed) counts in full: from sampled speeds, four times the error is left. d
        and the acceleration are joined by straight lines, as the command is:
        c/k (d1 - d0) / dt + (d0 + d1) / 2 = m/k (a0 + a1) / 2.
        """
        around = np.concatenate([planned[:1], planned, planned[-1:]])
        acceleration = np.diff(around, 2) / dt_s**2
        lag = self.c_over_k / dt_s
        gain = 0.5 * self.m_over_k / (lag + 0.5)
        d: Array = lfilter([gain, gain], [1.0, -(lag - 0.5) / (lag + 0.5)], acceleration)
        return d


def identify(command: Array, actual: Array, dt_s: float, guess: Axis) -> Axis:
    """Return the axis whose response to `command` (n,) is nearest to `actual` (n,) in the least-squares sense.

    Output error, not equation error: what the axis does over the whole run is compared, so nothing is differentiated.
    Looked for within a factor of 4 around the guess: a run that friction dominates tells little of mass and damping.
    Raises: ValueError: the fit does not converge.
    """
    start = np.log([guess.m_over_k, guess.c_over_k])

    def residual(logs: Array) -> Array:
        return Axis(*np.exp(logs)).respond(command, dt_s) - actual

    fit = least_squares(residual, start, x_scale=0.1, bounds=(start - np.log(4.0), start + np.log(4.0)))
    if not fit.success:
        raise ValueError(f"identification must converge, but: {fit.message}")
    return Axis(*(float(v) for v in np.exp(fit.x)))
