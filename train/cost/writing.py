"""Rollout files are written here: simulated ones, merged ones, and those made of a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py

from learn_rt.train.cost.rollouts import Rollout


def write_rollouts(path: Path, rollouts: Iterable[Rollout], metadata: Mapping[str, Any]) -> int:
    """Write rollouts as param_0, param_1, ... and return how many; the file appears whole.

    Raises: ValueError: rollouts that do not have the same parameters, or none; OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    names: list[str] | None = None
    count = 0
    try:
        with h5py.File(staged, "w") as file:
            file.create_group("metadata").attrs.update(metadata)
            for rollout in rollouts:
                if names is None:
                    names = list(rollout.state)
                    file.create_dataset("parameter_names", data=names, dtype=h5py.string_dtype())
                if set(names) != set(rollout.state):
                    differ = ", ".join(sorted(set(names) ^ set(rollout.state)))
                    raise ValueError(f"{rollout.name} has other parameters than the first rollout: {differ}")
                group = file.create_group(f"param_{count}")
                group["param_state"] = [rollout.state[name] for name in names]
                group.attrs.update(rollout.attributes)
                count += 1
        if not count:
            raise ValueError(f"{path}: no rollout to write")
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return count
