"""Who learns from what: contiguous blocks of layers and one whole part are held out, drawn by the seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from learn_rt.train.core.config import within
from learn_rt.train.printer.error.recordings import Recording
from learn_rt.train.printer.part import parse_layers

Sides = dict[str, list[Recording]]  # train, validation, test, part
SIDES = ("train", "validation", "test", "part")


@dataclass
class LayerSplit:
    """Neighbouring layers are nearly alike, so they are held out by the block, with a guard that nobody uses."""

    block: int = 12  # consecutive layers that stay together
    validation: float = 0.1  # share of each part's blocks
    test: float = 0.1
    guard: int = 1  # layers beside a held-out block that training leaves out
    parts: list[str] = field(default_factory=list)  # held out whole; empty: one, drawn, where there are several

    def __post_init__(self) -> None:
        within("split.block", self.block, 1, 1e6)
        within("split.guard", self.guard, 0, 1e6)
        for name in ("validation", "test"):
            within(f"split.{name}", getattr(self, name), 0.001, 0.9)


def split_layers(recordings: Sequence[Recording], how: LayerSplit, seed: int) -> Sides:
    """Return the recordings of each side; `part` holds those of the parts that are held out whole.

    Where several parts are there and none is named, one is drawn among all but the largest.
    Raises: ValueError: a part that is not there, or too few layers for three sides.
    """
    names = sorted({r.part for r in recordings})
    rng = np.random.default_rng(seed)
    for name in how.parts:
        if name not in names:
            raise ValueError(f"split.parts: {name!r} is not in the data; there are {', '.join(names)}")
    whole = list(how.parts)
    if not whole and len(names) > 1:
        ticks = {name: sum(int(r.answered.sum()) for r in recordings if r.part == name) for name in names}
        smaller = [name for name in names if name != max(names, key=lambda n: ticks[n])]
        whole = [smaller[int(rng.integers(len(smaller)))]]
    sides: Sides = {side: [] for side in SIDES}
    sides["part"] = [r for r in recordings if r.part in whole]
    for name in names:
        if name not in whole:
            _split_part([r for r in recordings if r.part == name], how, rng, sides)
    if not (sides["train"] and sides["validation"] and sides["test"]):
        raise ValueError(
            f"a part must have at least three blocks of layers for training, validation and test: "
            f"set split.block below {how.block}, or bring more layers"
        )
    return sides


def describe(sides: Mapping[str, Iterable[Recording]]) -> dict[str, dict[str, str]]:
    """Return side -> part -> its layers as a list of ranges, such as `1-12,25-240`."""
    said: dict[str, dict[str, str]] = {}
    for side, recordings in sides.items():
        layers: dict[str, list[int]] = {}
        for r in recordings:
            layers.setdefault(r.part, []).append(r.layer)
        said[side] = {part: _ranges(numbers) for part, numbers in layers.items()}
    return said


def select(recordings: Sequence[Recording], wanted: Mapping[str, str], where: str) -> list[Recording]:
    """Return the recordings that `describe` named for one side. Raises: ValueError: some are not there."""
    keep = {part: parse_layers(layers) for part, layers in wanted.items()}
    if missing := sorted(set(keep) - {r.part for r in recordings}):
        raise ValueError(f"{where}: the held-out part {', '.join(missing)} is not there")
    return [r for r in recordings if r.part in keep and keep[r.part](r.layer)]


def _split_part(layers: list[Recording], how: LayerSplit, rng: np.random.Generator, sides: Sides) -> None:
    # Of nearly the same length each: no last one of two layers.
    bounds = np.linspace(0, len(layers), max(1, round(len(layers) / how.block)) + 1).round().astype(int)
    blocks = [range(a, b) for a, b in itertools.pairwise(bounds.tolist())]
    if len(blocks) < 3:  # too few to hold some out: other parts must
        sides["train"] += layers
        return
    order = rng.permutation(len(blocks))
    n_test, n_validation = (max(1, round(share * len(blocks))) for share in (how.test, how.validation))
    n_test = min(n_test, len(blocks) - 2)
    n_validation = min(n_validation, len(blocks) - 1 - n_test)
    side_of = {int(b): "test" for b in order[:n_test]}
    side_of |= {int(b): "validation" for b in order[n_test : n_test + n_validation]}
    held = [i for b in side_of for i in blocks[b]]
    for b, block in enumerate(blocks):
        side = side_of.get(b, "train")
        for i in block:
            if side != "train" or min(abs(i - h) for h in held) > how.guard:
                sides[side].append(layers[i])


def _ranges(numbers: Sequence[int]) -> str:
    runs: list[list[int]] = []
    for n in sorted(numbers):
        if runs and n == runs[-1][1] + 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
