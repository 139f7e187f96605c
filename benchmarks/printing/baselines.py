"""The methods that a printer's owner has without a net, each tuned to its best for one printer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from learn_rt.benchmarks.printing.contour import Figures, Tally
from learn_rt.benchmarks.printing.linear_filter import LinearFilter
from learn_rt.benchmarks.printing.linear_inverse import Axis, identify
from learn_rt.benchmarks.printing.printer import FINE_S, TICK_S, Printer, Stretch
from learn_rt.benchmarks.printing.shapers import SHAPERS

Array = NDArray[np.float64]
Pair = tuple[Axis, Axis]
NEAR = np.log(2.0)  # constants are looked for from half to twice where the search starts
CREEP_MM_S = 0.5  # below it the direction of friction fades
EVALUATIONS = 60  # prints of the tuning stretches a method may ask for; more change the contour error by under 2%


@dataclass(frozen=True)
class Baselines:
    """Tuned methods. `shapers`: by name the resonance that each is made for; `inverse`: its two constants an axis.

    `friction` is not linear: the inverse with a third constant, how far [mm] dry friction holds the axis back.
    """

    shapers: dict[str, Pair]
    inverse: Pair
    filter: LinearFilter
    friction: tuple[Pair, tuple[float, float]] | None = None

    def print(self, method: str, printer: Printer, stretch: Stretch) -> Array:
        """Return where the nozzle was at the ticks (k, 2) [mm] under a method's name, `planned` included."""
        if method in self.shapers:
            return printer.print(stretch, command=shaped(method, self.shapers[method], stretch))
        if method == "inverse":
            return printer.print(stretch, offsets=inverted(self.inverse, stretch))
        if method == "friction" and self.friction:
            return printer.print(stretch, offsets=inverted(self.friction[0], stretch, self.friction[1]))
        if method == "filter":
            return printer.print(stretch, offsets=self.filter.offsets(stretch.samples))
        if method != "planned":
            raise ValueError(f"no method {method!r}")
        return printer.print(stretch)

    def constants(self) -> dict[str, Any]:
        """Return what was tuned, as plain values."""
        pairs = {**self.shapers, "inverse": self.inverse}
        return {
            name: {"hz": [round(a.frequency_hz, 2) for a in pair], "damping": [round(a.damping, 4) for a in pair]}
            for name, pair in pairs.items()
        }


def tune(printer: Printer, stretches: Sequence[Stretch], filter: LinearFilter, *, friction: bool = False) -> Baselines:
    """Return each method at its best on `stretches`: with the constants that leave the smallest contour error.

    The search starts from the constants identified from an uncorrected print of them, or from the machine's own, what
    is better. Args: friction: tune that method too, where there is any.
    """
    start = (axes_of(printer), identified(printer, stretches))

    def best(command: Callable[[Pair, Stretch], dict[str, Array]]) -> Pair:
        def cost(pair: Pair) -> float:
            return score([printer.print(s, **command(pair, s)) for s in stretches], stretches).contour_rms_um

        return _search(cost, min(start, key=cost))

    shapers = {name: best(partial(_shaped, name)) for name in SHAPERS}
    inverse = best(lambda pair, s: {"offsets": inverted(pair, s)})
    rubbed = None
    if friction and printer.plant.dry_friction:
        machine = printer.machine
        held = machine.x.friction_n / machine.x.stiffness_n_m, machine.y.friction_n / machine.y.stiffness_n_m
        held_mm = (1e3 * held[0], 1e3 * held[1])
        rubbed = best(lambda pair, s: {"offsets": inverted(pair, s, held_mm)}), held_mm
    return Baselines(shapers, inverse, filter, rubbed)


def _shaped(name: str, pair: Pair, stretch: Stretch) -> dict[str, Array]:
    return {"command": shaped(name, pair, stretch)}


def shaped(name: str, pair: Pair, stretch: Stretch) -> Array:
    """Return the fine command of a shaper made for the resonance of each axis."""
    make = SHAPERS[name]
    columns = [make(a.frequency_hz, a.damping).apply(stretch.fine[:, i], FINE_S) for i, a in enumerate(pair)]
    return np.stack(columns, 1)


def inverted(pair: Pair, stretch: Stretch, held_mm: tuple[float, float] = (0.0, 0.0)) -> Array:
    """Return the offsets (k, 2) [mm] of the linear inverse, and against dry friction that holds an axis back so far."""
    offsets = np.stack([axis.offsets(stretch.planned[:, i], TICK_S) for i, axis in enumerate(pair)], 1)
    if any(held_mm):
        speed = np.gradient(stretch.planned, TICK_S, axis=0)
        offsets += np.array(held_mm) * np.tanh(speed / CREEP_MM_S)
    return offsets


def score(prints: Sequence[Array], stretches: Sequence[Stretch]) -> Figures:
    """Return the figures of a print's stretches, together."""
    tally = Tally()
    for actual, stretch in zip(prints, stretches, strict=True):
        tally.add(actual, stretch.planned, stretch.extruding, TICK_S)
    return tally.figures()


def axes_of(printer: Printer) -> Pair:
    """Return the constants of the printer's file, scaled as its plant is."""
    plant = printer.plant
    x, y = (
        Axis.of(a.frequency_hz * plant.frequency_scale, a.damping_ratio * plant.damping_scale)
        for a in (printer.machine.x, printer.machine.y)
    )
    return x, y


def identified(printer: Printer, stretches: Sequence[Stretch]) -> Pair:
    """Return the constants identified from an uncorrected print of the longest stretch."""
    longest = max(stretches, key=lambda s: s.seconds)
    actual = printer.print(longest)
    x, y = (identify(longest.planned[:, i], actual[:, i], TICK_S, guess) for i, guess in enumerate(axes_of(printer)))
    return x, y


def _search(cost: Callable[[Pair], float], start: Pair) -> Pair:
    """Return the constants of least cost near `start` (Nelder and Mead, in logarithms: all stay above zero)."""

    def pair(logs: Array) -> Pair:
        fx, fy, dx, dy = np.exp(np.clip(logs, first - NEAR, first + NEAR))
        return Axis.of(fx, min(dx, 0.7)), Axis.of(fy, min(dy, 0.7))

    first = np.log([*(a.frequency_hz for a in start), *(max(a.damping, 1e-3) for a in start)])
    corners = first + np.concatenate([np.zeros((1, 4)), np.diag([0.12, 0.12, 0.5, 0.5])])
    options = {"maxfev": EVALUATIONS, "initial_simplex": corners}
    found = minimize(lambda logs: cost(pair(logs)), first, method="Nelder-Mead", options=options)
    return pair(found.x)
