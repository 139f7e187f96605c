"""The data of a run: which subjects teach, which choose, which judge, as windows; what it says of the nets' sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from learn_rt.train.activity.config import ActivityConfig
from learn_rt.train.activity.recordings import Description, Recording, read_dataset
from learn_rt.train.activity.windows import Windows
from learn_rt.train.core.split import Split, split_parts


@dataclass
class Sides:
    """Windows of each side of the split, one subject on one side only."""

    description: Description
    split: Split
    sha256: str
    train: Windows
    validation: Windows
    test: Windows

    @classmethod
    def read(cls, config: ActivityConfig) -> Sides:
        """Read a run's data, and fill in what it decides of `config.net`.

        Raises: ValueError: data, subjects or sizes that do not fit; OSError.
        """
        description, recordings, sha256 = read_dataset(Path(config.data))
        split = _split(config, list(recordings))
        channels = channels_of(description, config.sensors)
        _fill(config, "input_channels", len(channels))
        _fill(config, "num_joints", len(description.joints))
        _fill(config, "n_classes", len(description.classes))
        made = {}
        for side in ("train", "validation", "test"):
            made[side] = windows(config, description, recordings, getattr(split, side))
        return cls(description, split, sha256, **made)

    def to(self, device: torch.device) -> None:
        for side in (self.train, self.validation, self.test):
            side.to(device)

    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data."""
        sizes = {side: len(getattr(self, side)) for side in ("train", "validation", "test")}
        return {"split": self.named(), "data_sha256": self.sha256, "windows": sizes}

    def named(self) -> dict[str, list[str]]:
        """Return the subjects of each side."""
        return {side: list(getattr(self.split, side)) for side in ("train", "validation", "test")}


def held_out(config: ActivityConfig, provenance: Mapping[str, Any]) -> tuple[Description, Windows]:
    """Return the windows of the subjects that a checkpoint's provenance names as held out.

    Raises: ValueError: it names none, or they are not in the data; OSError.
    """
    split = provenance.get("split")
    names = split.get("test") if isinstance(split, dict) else None
    if not names or not isinstance(names, list):
        raise ValueError("the checkpoint names no held-out subject: it was not trained on data")
    description, recordings, _ = read_dataset(Path(config.data), names)
    if missing := sorted(set(names) - set(recordings)):
        raise ValueError(f"{config.data}: the held-out subject {', '.join(missing)} is not there")
    if len(description.classes) != config.net.n_classes:
        raise ValueError(f"{config.data} has {len(description.classes)} classes, the net {config.net.n_classes}")
    return description, windows(config, description, recordings, names)


def windows(
    config: ActivityConfig, description: Description, recordings: Mapping[str, Recording], names: Any
) -> Windows:
    """Return the windows of some subjects. Raises: ValueError: there is none."""
    made = Windows(
        {name: recordings[name] for name in names},
        channels_of(description, config.sensors),
        config.net.window,
        max(1, round(config.stride_s * description.rate_hz)),
        config.purity,
        len(description.classes),
    )
    if not len(made):
        raise ValueError(
            f"{', '.join(names)}: no labelled window of {config.net.window} samples at {description.rate_hz:g} Hz: "
            "make net.window or purity smaller"
        )
    return made


def channels_of(description: Description, sensors: list[str]) -> list[int]:
    """Return the numbers of the sensors' channels, in the data's order. Raises: ValueError: a sensor is not there."""
    there = dict.fromkeys(c.sensor for c in description.channels)
    if missing := [s for s in sensors if s not in there]:
        raise ValueError(f"the data has no sensor {', '.join(missing)}; it has {', '.join(there)}")
    return [i for i, c in enumerate(description.channels) if c.sensor in sensors]


def _split(config: ActivityConfig, names: list[str]) -> Split:
    subjects = config.subjects
    drawn = split_parts(names, config.seed, subjects.validation, subjects.test)
    if not subjects.train:
        return drawn
    if unknown := sorted(set(subjects.train) - set(names)):
        raise ValueError(f"training subject {', '.join(unknown)} is not in the data; there are {', '.join(names)}")
    if both := sorted(set(subjects.train) & {*drawn.validation, *drawn.test}):
        raise ValueError(f"a subject cannot be for training and held out: {', '.join(both)}")
    return Split(tuple(subjects.train), drawn.validation, drawn.test)


def _fill(config: ActivityConfig, name: str, value: int) -> None:
    stated = getattr(config.net, name)
    if stated not in (0, value):
        raise ValueError(f"net.{name} is {stated}, but the data has {value}: leave it to the data")
    setattr(config.net, name, value)
