"""A true validation split: rollouts that belong together stay on one side, drawn by the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.core.config import within


@dataclass
class SplitConfig:
    """Shares of the groups that are held out. 0: none, and what is reported then is of the training data."""

    validation: float = 0.15
    test: float = 0.1
    by: str = ""  # attribute or parameter whose rollouts stay together (subject), or file; empty: each by itself

    def __post_init__(self) -> None:
        for name in ("validation", "test"):
            within(f"split.{name}", getattr(self, name), 0, 0.9)


@dataclass(frozen=True)
class Sides:
    """Rows of a table on each side."""

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    test: NDArray[np.intp]


def split_rows(groups: NDArray[np.str_], config: SplitConfig, seed: int) -> Sides:
    """Return the rows on each side; a share above 0 holds out at least one group.

    Args: groups: (n,) what each row is held out by.
    Raises: ValueError: none is left to train on.
    """
    names, which = np.unique(groups, return_inverse=True)
    drawn = np.random.default_rng(seed).permutation(len(names))
    n_test, n_validation = (max(1, round(s * len(names))) if s > 0 else 0 for s in (config.test, config.validation))
    if n_test + n_validation >= len(names):
        raise ValueError(
            f"{len(names)} groups to split by are too few for split.validation={config.validation:g} and "
            f"split.test={config.test:g}: none is left to train on"
        )
    side = np.zeros(len(names), np.int8)
    side[drawn[:n_test]] = 2
    side[drawn[n_test : n_test + n_validation]] = 1
    rows = side[which]
    return Sides(*(np.flatnonzero(rows == i) for i in range(3)))
