"""What stepper motors and step timers add to the position: `FirmwareEffects(machine, seed).error(samples)`.

Resonance. A motor is kicked once a full step, f = |v| steps_per_mm / microsteps times a second. Near the axis' own
frequency fn, 0.5 < r = f / fn < 2, it swings with the amplitude

    GAIN_MM / sqrt((1 - r^2)^2 + (2 zeta r)^2) * exp(-0.5 |ln r|), at most LIMIT_MM,

in step with the full steps: its phase is that of the position within a full step plus one random angle an axis, drawn
once a print. Jitter. Each step comes late by 50 to 150 cycles of the timer, and the next one on its own time, so
lateness does not add up.

GAIN_MM is set so that the 500 mm/s2 machine, printing the walls of the common 3DBenchy from rest to rest at 100 Hz,
shows 140 um RMS of both axes together: the figure of the simulator that came before this one. The shipped boat shows
160.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.machine import Axis, Machine
from learn_rt.train.printer.trajectory import Samples

GAIN_MM = 0.19
LIMIT_MM = 0.3  # one and a half full steps; a motor that swings further loses steps
LATE_CYCLES = (50.0, 150.0)


class FirmwareEffects:
    """The effects of one print. Give it the samples in order; the same seed gives the same error."""

    def __init__(self, machine: Machine, seed: int, phases: NDArray[np.float64] | None = None) -> None:
        """Draw the phases of both motors, unless they are given.

        Raises: ValueError: a negative seed.
        """
        self._machine = machine
        self._rng = np.random.default_rng(seed)
        drawn = self._rng.uniform(0, 2 * math.pi, 2)
        self.phases = drawn if phases is None else phases

    def error(self, samples: Samples) -> NDArray[np.float64]:
        """Return what the effects add to the actual position, (n, 2) [mm], and draw the jitter of these samples."""
        return self.error_at(np.stack([samples.x, samples.y], 1), np.stack([samples.vx, samples.vy], 1))

    def error_at(self, position: NDArray[np.float64], speed: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same of positions [mm] and speeds [mm/s], both (n, 2)."""
        drive = self._machine.drive
        # Drawn sample by sample, so that a print taken in pieces is the same print.
        late_s = self._rng.uniform(*LATE_CYCLES, (len(position), 2)) / drive.timer_hz
        full_step_mm = drive.microsteps / drive.steps_per_mm
        error = np.empty((len(position), 2))
        for i, axis in enumerate((self._machine.x, self._machine.y)):
            angle = 2 * math.pi * position[:, i] / full_step_mm + self.phases[i]
            swing = amplitude(axis, speed[:, i], full_step_mm) * np.sin(angle)
            error[:, i] = swing - speed[:, i] * late_s[:, i]
        return error


def amplitude(axis: Axis, speed: NDArray[np.float64], full_step_mm: float) -> NDArray[np.float64]:
    """Return the amplitude [mm] of the resonance at these speeds [mm/s]; 0 outside the band."""
    r = np.abs(speed) / full_step_mm / axis.frequency_hz
    band = (r > 0.5) & (r < 2)
    r = np.where(band, r, 1.0)
    gain = GAIN_MM / np.sqrt((1 - r**2) ** 2 + (2 * axis.damping_ratio * r) ** 2) * np.exp(-0.5 * np.abs(np.log(r)))
    return np.where(band, np.minimum(gain, LIMIT_MM), 0.0)
