"""The methods that a printer's owner has without a net, each tuned to its best for one printer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from learn_rt.benchmarks.printing.contour import Figures, figures
from learn_rt.benchmarks.printing.linear_filter import LinearFilter
from learn_rt.benchmarks.printing.linear_inverse import Axis, identify
from learn_rt.benchmarks.printing.printer import FINE_S, TICK_S, Printer, Stretch
from learn_rt.benchmarks.printing.shapers import SHAPERS

Array = NDArray[np.float64]
Pair = tuple[Axis, Axis]
NEAR = np.log(2.0)  # constants are looked for from half to twice where the search starts
EVALUATIONS = 60  # prints of the tuning stretches a method may ask for; more change the contour error by under 2%


@dataclass(frozen=True)
class Baselines:
    """Tuned methods. `shapers`: by name the resonance that each is made for; `inverse`: its two constants an axis."""

    shapers: dict[str, Pair]
    inverse: Pair
    filter: LinearFilter

    def print(self, method: str, printer: Printer, stretch: Stretch) -> Array:
        """Return where the nozzle was at the ticks (k, 2) [mm] under a method's name, `planned` included."""
        if method in self.shapers:
            return printer.print(stretch, command=shaped(method, self.shapers[method], stretch))
        if method == "inverse":
            return printer.print(stretch, offsets=inverted(self.inverse, stretch))
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


def tune(printer: Printer, stretches: Sequence[Stretch], filter: LinearFilter) -> Baselines:
    """Return each method at its best on `stretches`: with the constants that leave the smallest contour error.

    The search starts from the constants identified from an uncorrected print of them, and from the machine's own.
    """
    own = axes_of(printer)
    found = identified(printer, stretches)

    def best(make: Callable[[Pair, Stretch], Array], key: str) -> Pair:
        def cost(pair: Pair) -> float:
            prints = [printer.print(s, **{key: make(pair, s)}) for s in stretches]
            return score(prints, stretches).contour_rms_um

        return _search(cost, min((own, found), key=cost))

    shapers = {name: best(lambda pair, s, name=name: shaped(name, pair, s), "command") for name in SHAPERS}  # type: ignore[misc]
    return Baselines(shapers, best(inverted, "offsets"), filter)


def shaped(name: str, pair: Pair, stretch: Stretch) -> Array:
    """Return the fine command of a shaper made for the resonance of each axis."""
    make = SHAPERS[name]
    columns = [make(a.frequency_hz, a.damping).apply(stretch.fine[:, i], FINE_S) for i, a in enumerate(pair)]
    return np.stack(columns, 1)


def inverted(pair: Pair, stretch: Stretch) -> Array:
    """Return the offsets (k, 2) [mm] of the linear inverse."""
    return np.stack([axis.offsets(stretch.planned[:, i], TICK_S) for i, axis in enumerate(pair)], 1)


def score(prints: Sequence[Array], stretches: Sequence[Stretch]) -> Figures:
    """Return the figures of a print's stretches, pooled."""
    return figures(prints, [s.planned for s in stretches], [s.extruding for s in stretches], TICK_S)


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
