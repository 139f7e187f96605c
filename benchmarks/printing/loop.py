"""Closing the loop: every tick's offset asked from a served model, one sample and one answer at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.printing.printer import TICK_S, Printer, Stretch
from learn_rt.client import Client, Flag, connect

Array = NDArray[np.float64]
INPUTS = ("x_ref", "y_ref", "z_ref", "vx_ref", "vy_ref")
OUTPUTS = ("offset_x", "offset_y")


@dataclass
class Served:
    """A model of offsets behind an address. `flags` counts what it said of its answers, by flag."""

    address: str
    model: str
    flags: Counter[str]

    @classmethod
    def at(cls, address: str, model: str) -> Served:
        return cls(address, model, Counter())

    def offsets(self, stretch: Stretch) -> Array:
        """Return the offsets (k, 2) [mm] of all ticks; the path is taken to have stood at its start for ever.

        Raises: ConnectionError, RuntimeError: no answer, with the cause; ValueError: no model of offsets at our tick.
        """
        with connect(self.address, self.model, rest=stretch.samples[0]) as client:
            preview = _preview(client)
            answers, flags = client.run(stretch.samples, flush=True)
        # the answer to the k-th sample is for the tick `preview` before it; the flush answers the last ticks
        answers, flags = answers[preview:], flags[preview:]
        self.flags["answers"] += len(answers)
        for flag in Flag:
            self.flags[str(flag.name).lower()] += int(np.count_nonzero(flags & flag))
        return answers.astype(np.float64)

    def print(self, printer: Printer, stretch: Stretch) -> Array:
        """Return where the nozzle was at the ticks, (k, 2) [mm]."""
        return printer.print(stretch, offsets=self.offsets(stretch))


def _preview(client: Client) -> int:
    spec = client.spec
    names = tuple(s.name for s in spec.inputs), tuple(s.name for s in spec.outputs)
    if names != (INPUTS, OUTPUTS) or spec.dt_s != TICK_S:
        raise ValueError(
            f"{spec.name} must answer {', '.join(OUTPUTS)} to {', '.join(INPUTS)} every {TICK_S} s, but it answers "
            f"{', '.join(names[1])} to {', '.join(names[0])} every {spec.dt_s} s"
        )
    return spec.preview
