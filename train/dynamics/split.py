"""Split by trajectory: windows overlap, so a trajectory is in training, validation or test as a whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from learn_rt.train.core.config import within
from learn_rt.train.core.split import Split


@dataclass
class SplitConfig:
    """Names of held-out trajectories; where a list is empty, so many are drawn by the seed as `train` leaves."""

    train: float = 0.8  # share of trajectories to train on; validation and test share the rest
    validation: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)
    validate: bool = True  # without, nothing is held out for it; set loop.monitor=loss

    def __post_init__(self) -> None:
        within("split.train", self.train, 0.01, 0.99)


def split_trajectories(names: list[str], seed: int, config: SplitConfig) -> Split:
    """Return the split of distinct names.

    Raises: ValueError: a name that is not there or on two sides, or too few trajectories.
    """
    for side, wanted in (("validation", config.validation), ("test", config.test)):
        if missing := sorted(set(wanted) - set(names)):
            raise ValueError(
                f"split.{side}: {missing[0]!r} is no trajectory; there are {', '.join(sorted(names)[:20])}"
            )
    if both := set(config.validation) & set(config.test):
        raise ValueError(f"a trajectory cannot be for validation and test: {', '.join(sorted(both))}")
    if config.validation and not config.validate:
        raise ValueError("split.validate=false holds nothing out for validation, but split.validation names some")
    free = sorted(set(names) - {*config.validation, *config.test})
    drawn = [free[i] for i in np.random.default_rng(seed).permutation(len(free))]
    held = round((1.0 - config.train) * len(names))
    n_test = 0 if config.test else max(1, held // 2 if config.validate else held)
    n_validation = 0 if config.validation or not config.validate else max(1, held - held // 2)
    test = tuple(config.test) or tuple(drawn[:n_test])
    validation = tuple(config.validation) or tuple(drawn[n_test : n_test + n_validation])
    train = tuple(sorted(drawn[n_test + n_validation :]))
    if not train or not test or (config.validate and not validation):
        raise ValueError(
            f"{len(names)} trajectories are too few to hold some out: record more, or cut long ones with "
            "learn-data dynamics convert --cut SECONDS"
        )
    return Split(train, validation, test)
