"""A part to print: its G-code planned, and the layers of it that are printed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from learn_rt.benchmarks.printing.printer import EVERY, TICK_S, Stretch
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.part import parse_layers
from learn_rt.train.printer.planner import plan
from learn_rt.train.printer.trajectory import Trajectory

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

    def stretch(self, layer: int, last: int | None = None) -> Stretch:
        """Return a layer's path, or that of all layers up to `last`, standing before its start and after its end."""
        layers = self.trajectory.table["layer"]
        path = Trajectory(self.trajectory.table[(layers >= layer) & (layers <= (layer if last is None else last))])
        first = math.floor((path.start_s - REST_S) * RATE_HZ)
        k = math.ceil((path.end_s + REST_S) * RATE_HZ) + 1 - first
        ticks = path.sample(RATE_HZ, first, k)
        fine = path.sample(RATE_HZ * EVERY, first * EVERY, (k - 1) * EVERY + 1)
        name = f"layer {layer}" if last in (None, layer) else f"layers {layer} to {last}"
        return Stretch(name, fine.xy, ticks)

    def first_seconds(self, seconds: float) -> Stretch:
        """Return the path of the first layers that fit into so many seconds; of the first, so much, if it does not."""
        total = np.cumsum([self.seconds(layer) for layer in self.layers]) + 2 * REST_S
        whole = self.stretch(self.layers[0], self.layers[max(0, int(np.searchsorted(total, seconds, "right")) - 1)])
        k = min(len(whole.ticks.x), math.floor(seconds * RATE_HZ) + 1)
        return Stretch(whole.name, whole.fine[: (k - 1) * EVERY + 1], whole.ticks.cut(slice(k)))


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

    Args: wanted: "some": drawn by `seed` until they take `budget_s` [s] to print (at least one, all if they fit); else
        as `learn-data` takes them: "all", "sampled:5" or a list such as "3,10-12".
    Raises: ValueError: no such layer, or another text.
    """
    if wanted == "some":
        chosen: list[int] = []
        total = 0.0
        for layer in np.random.default_rng(seed).permutation(part.layers).tolist():
            total += part.seconds(layer)
            if chosen and total > budget_s:
                break
            chosen.append(layer)
        return sorted(chosen)
    is_wanted = parse_layers(wanted)
    chosen = [layer for layer in part.layers if is_wanted(layer)]
    if not chosen:
        raise ValueError(f"{part.name} has layers {part.layers[0]} to {part.layers[-1]}, none of them among {wanted}")
    return chosen
