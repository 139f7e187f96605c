"""The best R2 that any predictor can reach on simulated prints, found by simulating them with other random effects.

A predictor sees the planned path. Of the same path, prints differ by the timer's jitter, drawn tick by tick, and by the
phases of the two motors, drawn once a print. Where a model learns from other layers of the same print, the phases are
constants of the machine that it can know, and only jitter is left: that is the ceiling. For a print after the motors
were switched off and on, the phases are new; without them the resonance cannot be told: `new_phases_r2`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.jsonread import read_dataclass
from learn_rt.train.printer.error.recordings import Recording
from learn_rt.train.printer.firmware import FirmwareEffects
from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.part import MANIFEST

N_PRINTS = 12  # simulated again


def ceiling(folder: Path, recordings: Sequence[Recording], ahead: int) -> dict[str, float] | None:
    """Return the best R2 on the answered ticks with the print's own phases (`r2`) and with new ones (`new_phases_r2`).

    None where the recordings were not simulated by learn-data with effects: then nobody knows.
    """
    effects = {part: _effects(folder / part / MANIFEST) for part in {r.part for r in recordings}}
    known = {part: found for part, found in effects.items() if found is not None}
    if not recordings or len(known) < len(effects):
        return None
    plain, same, new = [], [], []
    for r in recordings:
        machine, seed = known[r.part]
        later = np.flatnonzero(r.answered[ahead:]) + ahead
        path = r.samples[later].astype(np.float64)
        phases = FirmwareEffects(machine, seed).phases
        mine = _prints(machine, seed, path, phases)
        plain.append(r.errors[later] - mine.mean(0))
        same.append(mine.var(0, ddof=1))
        new.append(_prints(machine, seed, path, None).var(0, ddof=1))
    # The two outputs pooled, as the reported R2 is. What the effects add does not depend on the plant's error.
    steady = float(np.concatenate(plain).var())
    swing = float(np.concatenate([r.errors[r.answered] for r in recordings]).var())
    left, left_new = (float(np.concatenate(v).mean()) for v in (same, new))
    return {"r2": 1 - left / swing, "new_phases_r2": steady / (steady + left_new), "prints": N_PRINTS}


def _prints(
    machine: Machine, seed: int, path: NDArray[np.float64], phases: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return what the effects add to a path (n, 4) in N_PRINTS other prints of it, (prints, n, 2) [mm]."""
    seeds = range(seed + 1, seed + 1 + N_PRINTS)
    return np.stack([FirmwareEffects(machine, s, phases).error_at(path[:, :2], path[:, 2:]) for s in seeds])


def _effects(manifest: Path) -> tuple[Machine, int] | None:
    """Return the machine and the seed of a simulated part's effects; None: not simulated, or without effects."""
    if not manifest.is_file():
        return None
    try:
        said = json.loads(manifest.read_text(encoding="utf-8"))
        if not said["effects"]:
            return None
        return read_dataclass(Machine, said["machine"], "machine"), int(said["seed"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{manifest}: not a manifest that learn-data wrote ({error})") from None
