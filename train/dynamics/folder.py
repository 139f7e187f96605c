"""A folder of trajectories: one CSV file each, and beside them dynamics.json, which says what the numbers are."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.jsonread import read_dataclass
from learn_rt.train.dynamics.recording import read_recording
from learn_rt.train.dynamics.resample import check_regular, unwrapped

ABOUT = "dynamics.json"


@dataclass(frozen=True)
class About:
    """What a folder's recordings are: step of time [s], the positions' kinds, units in the order of the columns."""

    dt_s: float
    coordinate_indices: list[int] = field(default_factory=list)
    angle_indices: list[int] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    source: str = ""

    def write(self, folder: Path) -> None:
        """Write dynamics.json."""
        (folder / ABOUT).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Trajectories:
    """Rows (n, nq + nv + nu) float64 by name, at one step of time [s], angles unwrapped."""

    rows: dict[str, NDArray[np.float64]]
    counts: tuple[int, int, int]  # positions, velocities, controls
    about: About
    sha256: str


def read_about(folder: Path) -> About | None:
    """Return what dynamics.json says, or None where there is none. Raises: ValueError: not what it must be."""
    path = folder / ABOUT
    if not path.is_file():
        return None
    try:
        return read_dataclass(About, json.loads(path.read_text(encoding="utf-8")), "$")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {error}") from None


def read_folder(folder: Path, angle_indices: list[int] | None = None, dt_s: float | None = None) -> Trajectories:
    """Return a folder's trajectories.

    `dt_s` and the kinds of positions are dynamics.json's; without it, `dt_s` is the first file's median step.

    Raises: ValueError: no CSV file, files of different columns or steps of time, or a damaged one; OSError.
    """
    about, paths = read_about(folder), sorted(folder.glob("*.csv"))
    if not paths:
        raise ValueError(f"{folder}: no *.csv file there; learn-data dynamics makes some")
    digest, rows = hashlib.sha256(), dict[str, NDArray[np.float64]]()
    counts: tuple[int, int, int] | None = None
    for path in paths:
        recording = read_recording(path)
        here = (recording.nq, recording.nv, recording.nu)
        if counts not in (None, here):
            raise ValueError(f"{path}: {here} positions, velocities and controls, but {counts} in {paths[0].name}")
        counts = here
        if about is None:
            # The step to nine digits: a median of rounded times has noise in the last ones.
            about = About(dt_s=dt_s or float(f"{recording.dt_s:.6g}"), angle_indices=angle_indices or [])
        check_regular(recording, about.dt_s, path)
        angles = angle_indices if angle_indices is not None else about.angle_indices
        if any(not 0 <= i < recording.nq for i in angles):
            raise ValueError(f"{path}: angle_indices {angles} of {recording.nq} positions")
        rows[path.stem] = unwrapped(recording, angles).rows
        digest.update(path.name.encode() + b"\0" + np.ascontiguousarray(recording.rows).tobytes())
    assert about is not None
    assert counts is not None
    return Trajectories(rows, counts, about, digest.hexdigest())
