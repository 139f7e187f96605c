"""The simulated printer that every method drives: a planned stretch of a print in, where the nozzle went out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.plant import Plant, simulate

Array = NDArray[np.float64]
TICK_S = 0.002  # of the control loop: offsets are given at 500 Hz
EVERY = 8  # fine steps a tick
FINE_S = TICK_S / EVERY  # the plan is sampled at 4 kHz, so that its chords cost nothing


@dataclass(frozen=True)
class Stretch:
    """A planned stretch of a print, standing at both ends.

    fine: ((k - 1) * EVERY + 1, 2) positions [mm] at 4 kHz; samples: (k, 5) float32 x, y, z [mm], vx, vy [mm/s] at
    500 Hz; extruding: (k,); print_mass_kg: (k,) what lies on the bed.
    """

    name: str
    fine: Array
    samples: NDArray[np.float32]
    extruding: NDArray[np.bool_]
    print_mass_kg: Array

    def __post_init__(self) -> None:
        k = len(self.samples)
        if len(self.fine) != (k - 1) * EVERY + 1 or len(self.extruding) != k or len(self.print_mass_kg) != k:
            raise ValueError(
                f"stretch {self.name}: {k} ticks need {(k - 1) * EVERY + 1} fine positions, and as many marks"
            )

    @property
    def planned(self) -> Array:
        """Positions (k, 2) [mm] at the ticks."""
        return self.fine[::EVERY]

    @property
    def seconds(self) -> float:
        """How long it takes to print."""
        return (len(self.samples) - 1) * TICK_S


@dataclass(frozen=True)
class Printer:
    """A machine with a plant."""

    machine: Machine
    plant: Plant

    def print(self, stretch: Stretch, *, command: Array | None = None, offsets: Array | None = None) -> Array:
        """Return where the nozzle was at the ticks, (k, 2) [mm].

        Args: command: fine positions instead of the planned ones; offsets: (k, 2) [mm] added at the ticks.
        """
        path = stretch.fine if command is None else command
        return simulate(
            self.machine, path, FINE_S, self.plant, offset_xy=offsets, every=EVERY, print_mass_kg=stretch.print_mass_kg
        )
