"""The configuration of a run: data, subjects, nets, loss, loop. Groups bundle what belongs together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from learn_rt.train.activity.augment import AugmentConfig
from learn_rt.train.activity.losses import ScenarioConfig
from learn_rt.train.activity.model import NetConfig
from learn_rt.train.activity.nets import ExtractorConfig
from learn_rt.train.core.config import LoopConfig, Mode, Optimizer, RunConfig, Schedule, within


@dataclass
class SubjectsConfig:
    """Subjects of each side. Validation or test empty: one subject, drawn by the seed."""

    train: list[str] = field(default_factory=list)  # empty: all that the others leave
    validation: list[str] = field(default_factory=list)
    test: list[str] = field(default_factory=list)


@dataclass
class ActivityConfig(RunConfig):
    """The configuration of a run."""

    sensors: list[str] = field(default_factory=lambda: ["acc"])  # or acc, gyro: whose channels go in
    stride_s: float = 0.1  # between the starts of two windows
    purity: float = 0.5  # share of a window's samples that must agree on the label
    subjects: SubjectsConfig = field(default_factory=SubjectsConfig)
    scenario: ScenarioConfig = field(default_factory=ScenarioConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    net: NetConfig = field(default_factory=NetConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        within("stride_s", self.stride_s, 1e-4, 3600)
        within("purity", self.purity, 0, 1)
        if not self.sensors:
            raise ValueError("sensors must name at least one, such as acc")


def _workouts(*numbers: int) -> list[str]:
    return [f"w{n:02d}" for n in numbers]


def _people(*numbers: int) -> list[str]:
    return [f"s{n}" for n in numbers]


BALANCED = LoopConfig(
    epochs=24, lr=3e-3, weight_decay=1e-3, monitor="macro_f1", mode=Mode.max, patience=0, min_delta=0.0
)
# As the seed trains: Adam, and a rate that falls when the validation stands still.
PLATEAU = LoopConfig(
    epochs=100,
    optimizer=Optimizer.adam,
    lr=4.4e-4,
    weight_decay=7.3e-4,
    schedule=Schedule.plateau,
    factor=0.1,
    plateau_patience=10,
    patience=10,
    monitor="validation_loss",
    mode=Mode.min,
    min_delta=0.0,
)
DEBUG = LoopConfig(
    epochs=2,
    batch_size=16,
    monitor="macro_f1",
    mode=Mode.max,
    patience=0,
    limit_train_batches=4,
    limit_validation_batches=4,
)

REGRESSION = LoopConfig(epochs=24, lr=1e-3, weight_decay=1e-3, monitor="nrmse", mode=Mode.min, patience=0)

GROUPS: dict[str, dict[str, Any]] = {
    "subjects": {
        "drawn": SubjectsConfig(),
        "utd": SubjectsConfig(_people(1, 2, 3, 4), _people(5, 6), _people(7, 8)),
        "utd_debug": SubjectsConfig(_people(1), _people(2), _people(3)),
        "mmfit": SubjectsConfig([], _workouts(14, 15, 19, 20), _workouts(9, 10, 11, 13)),
        "mmfit_debug": SubjectsConfig(_workouts(0), _workouts(1), _workouts(2)),
    },
    "net": {
        "wide": NetConfig(),
        "voting": NetConfig(members=4),  # of more, no more is gained
        "seed": NetConfig(extractor=ExtractorConfig(n_filters=16, filter_size=3)),
        "apex": NetConfig(extractor=ExtractorConfig(n_filters=24, filter_size=7), window=400),
    },
    "scenario": {
        "scenario2": ScenarioConfig(),
        "real": ScenarioConfig(simulated=False),
    },
    "loop": {"balanced": BALANCED, "plateau": PLATEAU, "debug": DEBUG},
}
