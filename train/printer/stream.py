"""The print as it happens, tick by tick, in bounded memory: planned pieces in, blocks of planned and actual path out.

Public: `run(pieces, machine, ...)` yields `Block`s that join without gap.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.firmware import FirmwareEffects
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.plant import FINE_HZ, Plant, simulate
from learn_rt.train.printer.trajectory import Samples, Trajectory, print_mass_kg

FINE_BLOCK = 400_000  # fine ticks worked on at a time: about 30 MB


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive ticks: the planned path and where the nozzle was, (n, 2) [mm]."""

    planned: Samples
    actual: NDArray[np.float64]


def run(
    pieces: Iterable[Trajectory], machine: Machine, rate_hz: float, plant: Plant, effects: FirmwareEffects | None
) -> Iterator[Block]:
    """Yield the print's ticks, from t = 0 to the first one at or after the end of the last piece.

    The plant follows the plan at no less than 4 kHz, whatever `rate_hz` is.
    """
    every = max(math.ceil(FINE_HZ / rate_hz), 1)
    state = np.zeros((2, 2))
    held: Trajectory | None = None
    done = -1  # the last tick that was given
    for piece in _with_last(pieces):
        last_piece = piece is None
        if piece is not None:
            held = piece if held is None else Trajectory(np.concatenate([held.table, piece.table]))
        if held is None:
            return
        end = math.ceil(held.end_s * rate_hz - 1e-6) if last_piece else math.floor(held.end_s * rate_hz - 1e-6)
        while done < end:
            # A block shares its first tick with the one before, where the plant's state is known.
            first = max(done, 0)
            stop = min(end, first + max(FINE_BLOCK // every, 1))
            n = stop - first + 1
            planned = held.sample(rate_hz, first, n)
            command = held.sample(rate_hz * every, first * every, (n - 1) * every + 1).xy
            if done < 0:
                state[:, 0] = command[0]
            mass = print_mass_kg(planned.filament_mm)
            dt = 1 / (rate_hz * every)
            actual = simulate(machine, command, dt, plant, every=every, print_mass_kg=mass, state=state)
            fresh = slice(0 if done < 0 else 1, None)
            block = Block(planned.cut(fresh), actual[fresh])
            if effects:
                block = Block(block.planned, block.actual + effects.error(block.planned))
            yield block
            done = stop
        # The moves from the last tick on are needed again.
        after = held.table["start_s"] + held.table["duration_s"] > max(done, 0) / rate_hz
        held = Trajectory(held.table[after | (np.arange(len(after)) == len(after) - 1)])


def _with_last(pieces: Iterable[Trajectory]) -> Iterator[Trajectory | None]:
    yield from pieces
    yield None
