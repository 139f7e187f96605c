"""The data of a run: one folder of trajectories or several, their split, and windows of each side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.core.split import Split
from learn_rt.train.dynamics.folder import About, Trajectories, read_folder
from learn_rt.train.dynamics.windows import Windows


@dataclass(frozen=True)
class Data:
    """Trajectories of all folders by name, all of one kind; a second folder's names begin with the folder's."""

    rows: dict[str, NDArray[np.float64]]
    counts: tuple[int, int, int]
    about: About
    sha256: str

    def windows(self, names: Sequence[str], length: int) -> Windows:
        """Return the windows of named trajectories. Raises: ValueError: one is not there, or all are too short."""
        if missing := sorted(set(names) - set(self.rows)):
            raise ValueError(f"trajectory {missing[0]} is not there")
        return Windows([self.rows[name] for name in names], length)


def read_data(folders: Sequence[str], coordinates: list[int] | None, angles: list[int] | None) -> Data:
    """Return what lies in folders, which become one data set (several tasks, or several days of one).

    Args: coordinates, angles: indices of positions; None: as the folders' dynamics.json say.
    Raises: ValueError: folders that do not fit together, or whose kinds of positions nobody told; OSError.
    """
    found = [read_folder(Path(folder), angles) for folder in folders]
    first = found[0]
    for folder, other in zip(folders, found, strict=True):
        for what, mine, its in (
            ("positions, velocities and controls", first.counts, other.counts),
            ("step of time", first.about.dt_s, other.about.dt_s),
        ):
            if mine != its:
                raise ValueError(f"{folder}: {what} {its}, but {mine} in {folders[0]}: one net cannot learn both")
        for key, given in (("coordinate_indices", coordinates), ("angle_indices", angles)):
            if given is None and getattr(other.about, key) != getattr(first.about, key):
                raise ValueError(f"{folder}: other {key} than {folders[0]}: set net.{key}")
    rows = dict[str, NDArray[np.float64]]()
    for folder, trajectories in zip(folders, found, strict=True):
        names = _names(folder, trajectories, len(folders) > 1)
        if both := set(names) & set(rows):
            raise ValueError(f"{folder}: given twice, or named like another folder ({min(both)})")
        rows |= dict(zip(names, trajectories.rows.values(), strict=True))
    sha256 = first.sha256 if len(found) == 1 else hashlib.sha256("".join(t.sha256 for t in found).encode()).hexdigest()
    return Data(rows, first.counts, first.about, sha256)


def length_of(split: Split, data: Data) -> dict[str, int]:
    """Return how many rows are on each side."""
    sides = {"train": split.train, "validation": split.validation, "test": split.test}
    return {side: sum(len(data.rows[name]) for name in names) for side, names in sides.items()}


def _names(folder: str, trajectories: Trajectories, several: bool) -> list[str]:
    return [f"{Path(folder).name}/{name}" if several else name for name in trajectories.rows]
