"""One print under every method: the same stretches, the same printers, one tally each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from learn_rt.benchmarks.printing.baselines import Array, Baselines
from learn_rt.benchmarks.printing.contour import Figures, Tally
from learn_rt.benchmarks.printing.picture import Layer
from learn_rt.benchmarks.printing.printer import TICK_S, Printer, Stretch
from learn_rt.benchmarks.printing.report import METHODS


class Ours(Protocol):
    """What prints through a model; `loop.Served` does."""

    def print(self, printer: Printer, stretch: Stretch) -> Array:
        """Return where the nozzle was at the ticks, (k, 2) [mm]."""


@dataclass(frozen=True)
class Contender:
    """A printer with the methods tuned for it, and the model trained for it."""

    printer: Printer
    baselines: Baselines
    ours: Ours

    def print(self, method: str, stretch: Stretch) -> Array:
        """Return where the nozzle was at the ticks (k, 2) [mm] under a method's name."""
        if method == "ours":
            return self.ours.print(self.printer, stretch)
        return self.baselines.print(method, self.printer, stretch)


@dataclass(frozen=True)
class Outcome:
    """The figures by printer and method, and the layer that is shown of each printer."""

    figures: dict[str, dict[str, Figures]]
    shown: dict[str, Layer]


def contest(
    contenders: Mapping[str, Contender],
    stretches: Iterable[Stretch],
    *,
    show: str = "",
    methods: Sequence[str] = METHODS,
    say: Callable[[str], None] = lambda text: None,
) -> Outcome:
    """Print every stretch under every method on every printer.

    Args: show: the name of the stretch to keep for the picture; say: told what was printed.
    """
    tallies = {name: {method: Tally() for method in methods} for name in contenders}
    shown = {}
    for stretch in stretches:
        for name, contender in contenders.items():
            prints = {method: contender.print(method, stretch) for method in methods}
            for method, actual in prints.items():
                tallies[name][method].add(actual, stretch.planned, stretch.extruding, TICK_S)
            if stretch.name == show:
                shown[name] = Layer(stretch.planned, stretch.extruding, prints, TICK_S)
        say(stretch.name)
    figures = {name: {method: tally.figures() for method, tally in of.items()} for name, of in tallies.items()}
    return Outcome(figures, shown)
