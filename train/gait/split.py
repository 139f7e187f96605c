"""Which sequences are held out: whole runs of neighbours, which are often of one body, drawn by the seed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from learn_rt.train.gait.corpus import Corpus, Run

LONGEST = 64  # sequences of a run: 1.5 MB, which a disk reads at its full speed
EVERYTHING = "everything"  # as the test side of weights that were not trained here


@dataclass(frozen=True)
class Split:
    """Runs of sequences on each side."""

    train: tuple[Run, ...]
    validation: tuple[Run, ...]
    test: tuple[Run, ...]

    def describe(self, corpus: Corpus) -> dict[str, Any]:
        """Return how many sequences are trained on and which are held out, as "FILE:first-last"."""
        names = corpus.names()
        held = {
            side: [f"{names[run.source]}:{run.start}-{run.start + run.count - 1}" for run in getattr(self, side)]
            for side in ("validation", "test")
        }
        return {"train": sum(run.count for run in self.train), **held}


def split_runs(corpus: Corpus, seed: int, validation: float, test: float, most: int) -> Split:
    """Return a split with these shares of the sequences, at most `most` and at least one run, on each held-out side.

    Raises: ValueError: fewer than three sequences.
    """
    n = len(corpus)
    if n < 3:
        raise ValueError(f"{corpus.where} must hold at least 3 sequences (train, validation, test), got {n}")
    runs = corpus.runs(max(1, min(LONGEST, n // 100)))
    order = np.random.default_rng(seed).permutation(len(runs)).tolist()
    sides: dict[str, list[Run]] = {"validation": [], "test": []}
    for side, share in (("validation", validation), ("test", test)):
        wanted = min(most, share * n)
        while not sides[side] or sum(run.count for run in sides[side]) < wanted:
            sides[side].append(runs[order.pop()])
    return Split(tuple(runs[i] for i in sorted(order)), *(tuple(sides[side]) for side in ("validation", "test")))


def named_runs(corpus: Corpus, held: Any) -> list[Run]:
    """Return the runs that a checkpoint's provenance names.

    Raises: ValueError: it names none, or they are not in the corpus.
    """
    if not isinstance(held, list) or not held:
        raise ValueError("the checkpoint names no held-out sequences: it was not trained on data")
    index = {name: i for i, name in enumerate(corpus.names())}
    runs = []
    for row in held:
        found = re.fullmatch(r"(.+):(\d{1,18})-(\d{1,18})", row) if isinstance(row, str) else None
        if not found:
            raise ValueError(f"the checkpoint's held-out sequences must be FILE:first-last, got {row!r}")
        name, start, last = found[1], int(found[2]), int(found[3])
        if name not in index or not start <= last < corpus.sources[index[name]].count:
            raise ValueError(f"{corpus.where}: the held-out sequences {row} are not there")
        runs.append(Run(index[name], start, last - start + 1))
    return runs
