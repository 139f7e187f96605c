"""The data of a run on its sides: read, split, and ready to be indexed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from learn_rt.train.core.system import Say
from learn_rt.train.printer.error.prepared import FOLDERS, is_prepared, read_prepared
from learn_rt.train.printer.error.recordings import Recording, Ticks, files_hash, read_recordings
from learn_rt.train.printer.error.split import LayerSplit, describe, select, split_layers

HELD_OUT = ("test", "part")


@dataclass(frozen=True)
class Sides:
    """Recordings for train, validation, test and (maybe none) part; which these are; the SHA-256 of the files."""

    recordings: Mapping[str, list[Recording]]
    split: dict[str, Any]
    sha256: str


def read_sides(
    folder: Path, machine: str, dt_s: float, window: int, ticks: Ticks, split: LayerSplit, seed: int, say: Say
) -> Sides:
    """Return the data of a run.

    Raises: ValueError, OSError: the data is not there or not what it must be.
    """
    if is_prepared(folder):
        sides = read_prepared(folder, window) | {"part": []}
        paths = [path for name in FOLDERS.values() for path in (folder / name).glob("*.pt")]
    else:
        recordings = read_recordings(folder, machine, dt_s, ticks, say)
        sides = split_layers(recordings, split, seed)
        paths = [path for part in {r.part for r in recordings} for path in (folder / part).glob("layer*_*.mat")]
    return Sides(sides, describe(sides), files_hash(paths, folder))


def read_held_out(
    folder: Path, machine: str, dt_s: float, window: int, ticks: Ticks, split: Any
) -> dict[str, list[Recording]]:
    """Return the recordings that a checkpoint's provenance names as held out: `test` and `part`.

    Raises: ValueError, OSError: it names none, or they are not there.
    """
    named: dict[str, Any] = {side: split.get(side) for side in HELD_OUT} if isinstance(split, dict) else {}
    if not named.get("test") or not all(isinstance(v, dict) for v in named.values()):
        raise ValueError("the checkpoint names no held-out layers: it was not trained on data")
    if is_prepared(folder):
        recordings = read_prepared(folder, window)["test"]
    else:
        recordings = read_recordings(folder, machine, dt_s, ticks)
    return {side: select(recordings, wanted, str(folder)) for side, wanted in named.items()}
