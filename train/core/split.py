"""Split by part: a part is in training, validation or test as a whole, so that nothing of it leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Split:
    """Names of the parts on each side."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


def split_parts(names: Sequence[str], seed: int, validation: Sequence[str] = (), test: Sequence[str] = ()) -> Split:
    """Return a split of distinct parts: one part for validation and one for test, drawn by `seed` where none is named.

    Raises: ValueError: fewer than three parts, a name that is not there, or none left to train on.
    """
    for side, wanted in (("validation", validation), ("test", test)):
        for name in wanted:
            if name not in names:
                raise ValueError(f"{side} part {name!r} is not in the data; there are {', '.join(sorted(names))}")
    if both := set(validation) & set(test):
        raise ValueError(f"a part cannot be for validation and test: {', '.join(sorted(both))}")
    named = {*validation, *test}
    free = [name for name in sorted(names) if name not in named]
    drawn = [free[i] for i in np.random.default_rng(seed).permutation(len(free))]
    held = tuple(validation) or tuple(drawn[:1])
    tested = tuple(test) or tuple(name for name in drawn if name not in held)[:1]
    train = tuple(name for name in free if name not in held and name not in tested)
    if not train or not held or not tested:
        raise ValueError(f"the data must have at least three parts (train, validation, test), got {len(names)}")
    return Split(train, held, tested)
