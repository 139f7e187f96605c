"""A printer that is not the one that was tuned for: mismatch of frequency and damping, and the motors' own errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from learn_rt.benchmarks.printing.baselines import tune
from learn_rt.benchmarks.printing.contest import Contender, contest
from learn_rt.benchmarks.printing.contour import Figures
from learn_rt.benchmarks.printing.printer import Printer, Stretch
from learn_rt.benchmarks.printing.report import METHODS
from learn_rt.benchmarks.printing.shapers import SHAPERS

EFFECTS_SEED = 7
MISMATCH: dict[str, dict[str, Any]] = {
    "frequency -10%": {"frequency_scale": 0.9},
    "frequency +10%": {"frequency_scale": 1.1},
    "damping half": {"damping_scale": 0.5},
    "damping double": {"damping_scale": 2.0},
}
RETUNED = (*SHAPERS, "inverse", "friction")  # what an owner tunes again in minutes; a filter or a net is trained again
ByMethod = dict[str, Figures]


@dataclass(frozen=True)
class Case:
    """One printer: the print as tuned for, with the motors' errors, and under each mismatch as tuned and re-tuned."""

    nominal: ByMethod
    effects: ByMethod
    as_tuned: dict[str, ByMethod]
    retuned: dict[str, ByMethod]

    def worst(self, method: str, retuned: bool = False) -> tuple[str, float] | None:
        """Return a method's worst mismatch by contour RMS, and that [um]; None: it was not re-tuned."""
        prints = self.retuned if retuned else self.as_tuned
        found = {name: of[method].contour_rms_um for name, of in prints.items() if method in of}
        return max(found.items(), key=lambda item: item[1]) if found else None


def run_case(
    contender: Contender, unseen: Sequence[Stretch], tuning: Sequence[Stretch], say: Callable[[str], None]
) -> Case:
    """Print `unseen` on a printer and on those it might be instead; re-tuning is done on `tuning`.

    The net and the filter stay as they were trained.
    """
    methods = [*METHODS[:-1], *(["friction"] if contender.baselines.friction else []), "ours"]

    def outcome(of: Contender, which: Sequence[str]) -> ByMethod:
        return contest({"": of}, unseen, methods=which).figures[""]

    say("as tuned")
    nominal = outcome(contender, methods)
    say("motor effects")
    effects = outcome(replace(contender, printer=replace(contender.printer, effects_seed=EFFECTS_SEED)), methods)
    as_tuned, retuned = {}, {}
    for name, change in MISMATCH.items():
        say(name)
        printer = Printer(contender.printer.machine, replace(contender.printer.plant, **change))
        as_tuned[name] = outcome(replace(contender, printer=printer), methods)
        again = tune(printer, tuning, contender.baselines.filter, friction="friction" in methods)
        which = [m for m in methods if m in RETUNED]
        retuned[name] = outcome(replace(contender, printer=printer, baselines=again), which)
    return Case(nominal, effects, as_tuned, retuned)


def winners(case: Case) -> dict[str, str]:
    """Return the method with the smallest contour RMS for each column of the long table."""
    methods = list(case.nominal)

    def least(value: dict[str, float]) -> str:
        return min(value, key=lambda m: value[m])

    def worst(retuned: bool) -> dict[str, float]:
        found = {m: case.worst(m, retuned) or case.worst(m) for m in methods}
        return {m: w[1] for m, w in found.items() if w}

    return {
        "as tuned": least({m: case.nominal[m].contour_rms_um for m in methods}),
        "worst mismatch": least(worst(False)),
        "worst mismatch, re-tuned": least(worst(True)),
        "motor errors": least({m: case.effects[m].contour_rms_um for m in methods}),
    }
