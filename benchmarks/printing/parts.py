"""A part to print: its G-code planned, and the layers of it that are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learn_rt.benchmarks.printing.printer import EVERY, TICK_S, Stretch
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.planner import plan
from learn_rt.train.printer.trajectory import Trajectory, print_mass_kg

REST_S = 0.2  # standing before and after a stretch, so that every method can act early and the plant comes to rest
RATE_HZ = round(1.0 / TICK_S)


@dataclass(frozen=True)
class Part:
    """A planned part; layers are counted from 1, what comes before the first is not printed."""

    name: str
    trajectory: Trajectory

    @property
    def layers(self) -> list[int]:
        """The layers that extrude, in order."""
        table = self.trajectory.table
        return [int(layer) for layer in np.unique(table["layer"][table["extruding"]])]

    def seconds(self, layer: int) -> float:
        """How long a layer takes to print."""
        table = self.trajectory.table
        return float(table["duration_s"][table["layer"] == layer].sum())

    def stretch(self, layer: int) -> Stretch:
        """Return a layer's path, standing before its start and after its end."""
        path = Trajectory(self.trajectory.table[self.trajectory.table["layer"] == layer])
        first = math.floor((path.start_s - REST_S) * RATE_HZ)
        k = math.ceil((path.end_s + REST_S) * RATE_HZ) + 1 - first
        ticks = path.sample(RATE_HZ, first, k)
        fine = path.sample(RATE_HZ * EVERY, first * EVERY, (k - 1) * EVERY + 1)
        samples = np.stack([ticks.x, ticks.y, ticks.z, ticks.vx, ticks.vy], 1).astype(np.float32)
        return Stretch(f"layer {layer}", fine.xy, samples, ticks.extruding, print_mass_kg(ticks.filament_mm))


def read_part(path: Path, machine: Machine, *, file_limits: bool = True, skip_bad: bool = False) -> Part:
    """Return the part of a G-code file, planned for a machine; a file without layer marks is one layer.

    Args: file_limits: whether the file's own limits (M201 to M205) hold, or the machine's.
    Raises: ValueError: a bad line (file, line, what was expected), or nothing that extrudes.
    """
    part = Part(path.stem, plan(path, machine, file_limits=file_limits, skip_bad=skip_bad))
    if not part.layers:
        raise ValueError(f"{path}: expected moves that extrude, found none")
    return part


def choose_layers(part: Part, wanted: str, seed: int = 42, budget_s: float = 90.0) -> list[int]:
    """Return the layers to print.

    Args: wanted: "all"; "some": drawn by `seed` until they take `budget_s` [s] to print (at least one, all if they
        fit); or a list such as "3,10-12".
    Raises: ValueError: a layer that the part does not have, or another text.
    """
    if wanted == "all":
        return part.layers
    if wanted == "some":
        chosen, total = [], 0.0
        for layer in np.random.default_rng(seed).permutation(part.layers).tolist():
            total += part.seconds(layer)
            if chosen and total > budget_s:
                break
            chosen.append(layer)
        return sorted(chosen)
    try:
        spans = [[int(n) for n in span.split("-")] for span in wanted.split(",")]
        chosen = sorted({layer for span in spans for layer in range(span[0], span[-1] + 1)})
    except ValueError:
        raise ValueError(f'layers must be "all", "some" or a list such as 3,10-12, got {wanted!r}') from None
    missing = sorted(set(chosen) - set(part.layers))
    if missing or not chosen:
        low, high = part.layers[0], part.layers[-1]
        raise ValueError(
            f"{part.name} has layers {low} to {high}; there is no layer {', '.join(map(str, missing)) or wanted}"
        )
    return chosen
