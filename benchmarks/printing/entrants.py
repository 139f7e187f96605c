"""Who takes part in the contest on one printer: the baselines, fitted on training parts only, and the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from learn_rt.benchmarks.printing.baselines import tune
from learn_rt.benchmarks.printing.contest import Contender
from learn_rt.benchmarks.printing.linear_filter import LinearFilter, fit
from learn_rt.benchmarks.printing.loop import Served
from learn_rt.benchmarks.printing.parts import read_part
from learn_rt.benchmarks.printing.printer import Printer, Stretch
from learn_rt.benchmarks.printing.workshop import Recipe
from learn_rt.spec import Spec
from learn_rt.train.printer.contract import limits_of
from learn_rt.train.printer.dataset import FADE, SETTLE
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.offset import PLANTS
from learn_rt.train.printer.parts import read_parts
from learn_rt.train.printer.placements import lay
from learn_rt.train.printer.targets import learn_offsets

TUNING_S = 30.0  # of print, at least, that constants are searched on
FITTING = 96  # stretches that the filter is fitted to: 140,000 windows for its 384 weights


def enter(
    recipe: Recipe, spec: Spec, data: Path, parts: Sequence[Path], served: Served, *, friction: bool = False
) -> tuple[Contender, list[Stretch]]:
    """Return the contender of a printer, and the stretches that it was tuned on.

    Args: spec: of the recipe's model, whose training split says what may be used; data: where it was trained from;
        parts: their G-code; friction: tune the inverse with friction too.
    """
    printer = Printer(load_machine(recipe.machine), PLANTS[recipe.plant])
    split, config = spec.provenance["split"], spec.provenance["config"]
    tuning = tuning_stretches(recipe, [p for p in parts if p.stem in split["train"]])
    filter = fit_filter(printer, config, data, split["train"])
    return Contender(printer, tune(printer, tuning, filter, friction=friction), served), tuning


def tuning_stretches(recipe: Recipe, parts: Sequence[Path], seed: int = 42) -> list[Stretch]:
    """Return the second layer of training parts, drawn by `seed` until they take `TUNING_S` to print."""
    machine = load_machine(recipe.machine)
    chosen: list[Stretch] = []
    for i in np.random.default_rng(seed).permutation(len(parts)):
        part = read_part(sorted(parts)[i], machine, file_limits=recipe.file_limits)
        chosen.append(part.stretch(part.layers[min(1, len(part.layers) - 1)]))
        if sum(s.seconds for s in chosen) >= TUNING_S:
            break
    return chosen


def fit_filter(printer: Printer, config: dict[str, Any], data: Path, names: Sequence[str]) -> LinearFilter:
    """Return the linear filter fitted to what the model was trained on: the same parts, placements and learned offsets.

    Args: config: of the model's training; names: of its training parts.
    """
    net, targets = config["net"], config["targets"]
    parts = read_parts(data, printer.machine.name, net["dt_s"])
    limits = limits_of(printer.machine)
    rng = np.random.default_rng(config["seed"])
    paths = [path for name in names for path in parts[name].paths]
    laid = lay(paths, config["stretches"]["ticks"], FITTING, rng, (limits.x_mm, limits.y_mm), net["dt_s"])
    learned = learn_offsets(
        printer.machine, printer.plant, np.delete(laid, 2, 2), net["dt_s"], targets["effort"], targets["rounds"]
    )
    sound = slice(SETTLE, -FADE)  # ticks with a target, as the model's training has it
    pairs = [(path[sound], offsets[sound]) for path, offsets in zip(laid, learned.offsets, strict=True)]
    return fit(pairs, net["steps"], net["preview"])
