"""The simulated printer that every method drives: a planned stretch of a print in, where the nozzle went out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.firmware import FirmwareEffects
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.plant import Plant, simulate
from learn_rt.train.printer.trajectory import Samples, print_mass_kg

Array = NDArray[np.float64]
TICK_S = 0.002  # of the control loop: offsets are given at 500 Hz
EVERY = 8  # fine steps a tick
FINE_S = TICK_S / EVERY  # the plan is sampled at 4 kHz, so that its chords cost nothing


@dataclass(frozen=True)
class Stretch:
    """A planned stretch of a print, standing at both ends.

    fine: ((k - 1) * EVERY + 1, 2) positions [mm] at 4 kHz; ticks: the same path at the k ticks.
    """

    name: str
    fine: Array
    ticks: Samples

    def __post_init__(self) -> None:
        k = len(self.ticks.x)
        if len(self.fine) != (k - 1) * EVERY + 1:
            raise ValueError(f"{self.name}: {k} ticks need {(k - 1) * EVERY + 1} fine positions, got {len(self.fine)}")

    @cached_property
    def samples(self) -> NDArray[np.float32]:
        """What a model of offsets is told: (k, 5) float32 x, y, z [mm], vx, vy [mm/s]."""
        t = self.ticks
        return np.stack([t.x, t.y, t.z, t.vx, t.vy], 1).astype(np.float32)

    @property
    def planned(self) -> Array:
        """Positions (k, 2) [mm] at the ticks."""
        return self.fine[::EVERY]

    @property
    def extruding(self) -> NDArray[np.bool_]:
        """Whether filament goes out at the ticks, (k,)."""
        return self.ticks.extruding

    @property
    def seconds(self) -> float:
        """How long it takes to print."""
        return (len(self.ticks.x) - 1) * TICK_S


@dataclass(frozen=True)
class Printer:
    """A machine with a plant; with a seed, its motors and step timer add their own errors to every print, the same."""

    machine: Machine
    plant: Plant
    effects_seed: int | None = None

    def print(self, stretch: Stretch, *, command: Array | None = None, offsets: Array | None = None) -> Array:
        """Return where the nozzle was at the ticks, (k, 2) [mm].

        Args: command: fine positions instead of the planned ones; offsets: (k, 2) [mm] added at the ticks.
        """
        path = stretch.fine if command is None else command
        mass = print_mass_kg(stretch.ticks.filament_mm)
        actual = simulate(self.machine, path, FINE_S, self.plant, offset_xy=offsets, every=EVERY, print_mass_kg=mass)
        if self.effects_seed is not None:
            actual += FirmwareEffects(self.machine, self.effects_seed).error(stretch.ticks)
        return actual
