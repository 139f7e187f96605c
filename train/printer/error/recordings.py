"""Recorded prints as arrays, one recording a layer: what learn-data wrote, or MATLAB 7.3 files of another simulator.

Public: `read_recordings(folder, machine, dt_s, ticks) -> list[Recording]`, `Ticks`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.printer.features import FEATURES, WALLS
from learn_rt.train.printer.matfile import read_columns

COLUMNS = ("time", "x_ref", "y_ref", "vx_ref", "vy_ref", "error_x", "error_y", "is_extruding")
_WALLS = [index for index, feature in enumerate(FEATURES) if feature in WALLS]
_NAME = re.compile(r"layer(\d{1,6})_(.+)\.mat")


class Ticks(StrEnum):
    """Which ticks are answered. A window may begin at any tick."""

    walls = "walls"  # extruding an outer or inner wall
    extruding = "extruding"
    all = "all"


@dataclass(frozen=True)
class Recording:
    """One layer of a part, n ticks without a gap."""

    part: str
    layer: int
    samples: NDArray[np.float32]  # (n, 4) x_ref, y_ref [mm], vx_ref, vy_ref [mm/s]
    errors: NDArray[np.float32]  # (n, 2) actual - planned [mm]
    answered: NDArray[np.bool_]  # (n,)


def read_recordings(
    folder: Path, machine: str, dt_s: float, ticks: Ticks, say: Callable[[str], None] = lambda text: None
) -> list[Recording]:
    """Return the layers of all parts in a folder, by part and layer. A layer 0, before the first, is left out.

    Raises: ValueError: none there, another machine or rate, a gap in time, or a damaged file; OSError: unreadable.
    """
    # Not hidden ones: a part that learn-data was still writing when it was killed is one.
    paths = sorted(folder.glob("[!.]*/layer*_*.mat"))
    if not paths:
        raise ValueError(
            f"{folder}: expected a folder a part with files layer*_<machine>.mat (learn-data printer writes them), "
            "or prepared samples in train/, val/ and test/"
        )
    unsaid: set[str] = set()
    made = [r for path in paths if (r := _read(path, machine, dt_s, ticks, unsaid)) is not None]
    for part in sorted(unsaid):
        say(f"{part}: its files do not say what was printed; every tick is taken for a wall's")
    return sorted(made, key=lambda r: (r.part, r.layer))


def files_hash(paths: Sequence[Path], folder: Path) -> str:
    """Return the SHA-256 that identifies files by their place under `folder` and their contents."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(folder)}\n".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _read(path: Path, machine: str, dt_s: float, ticks: Ticks, unsaid: set[str]) -> Recording | None:
    found = _NAME.fullmatch(path.name)
    if not found:
        raise ValueError(f"{path}: expected a name such as layer07_{machine}.mat")
    if found[2] != machine:
        raise ValueError(f"{path}: recorded on machine {found[2]!r}, training is for {machine!r}: set machine=")
    if int(found[1]) == 0:
        return None
    c = read_columns(path, COLUMNS, optional=("feature",))
    apart = np.diff(c["time"])
    if len(apart) and not np.allclose(apart, dt_s, rtol=0.0, atol=0.01 * dt_s):
        raise ValueError(
            f"{path}: samples must be {dt_s:g} s apart without a gap, got {apart.min():g} to {apart.max():g} s: "
            f"use learn-data --rate {1 / dt_s:g}, or set net.dt_s="
        )
    answered = np.ones(len(c["time"]), np.bool_)
    if ticks is not Ticks.all:
        answered &= c["is_extruding"] > 0
    if ticks is Ticks.walls and "feature" in c:
        answered &= np.isin(c["feature"].astype(int), _WALLS)
    elif ticks is Ticks.walls:
        unsaid.add(path.parent.name)
    return Recording(
        part=path.parent.name,
        layer=int(found[1]),
        samples=np.stack([c[k] for k in ("x_ref", "y_ref", "vx_ref", "vy_ref")], 1).astype(np.float32),
        errors=np.stack([c["error_x"], c["error_y"]], 1).astype(np.float32),
        answered=answered,
    )
