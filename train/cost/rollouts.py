"""Rollouts in HDF5: what each was run with, and what it cost.

parameter_names                    (n,) strings
param_0 ... param_N (or param_0.0) one group a rollout
    param_state                    (n,) numbers, as parameter_names
    @success                       a rollout that failed is passed over
    @metabolic/cot/MA/mean         and any other attribute
metadata                           attributes that nothing depends on
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

SUFFIXES = (".h5", ".hdf5")
GROUP = re.compile(r"param_(\d+)(?:\.(\d+))?")


@dataclass(frozen=True)
class Rollout:
    """One rollout: its parameters and attributes by name. `name` is the file's and the group's."""

    name: str
    file: str
    state: dict[str, float]
    attributes: dict[str, Any]

    @property
    def success(self) -> bool:
        """Whether it counts."""
        return bool(self.attributes.get("success", True))

    def number(self, label: str) -> float:
        """Return a parameter, or else an attribute, as a number. Raises: ValueError: there is none."""
        value = self.state.get(label, self.attributes.get(label))
        if value is None:
            there = ", ".join([*self.state, *(k for k, v in self.attributes.items() if _is_number(v))])
            raise ValueError(f"{self.name} has no {label!r}; it has {there}")
        if not _is_number(value):
            raise ValueError(f"{self.name}: {label!r} must be a number, got {value!r}")
        return float(value)


@dataclass(frozen=True)
class Table:
    """The rollouts that count: inputs (n, n_inputs), outputs (n, n_outputs), and what each is held out by (n,)."""

    inputs: NDArray[np.float64]
    outputs: NDArray[np.float64]
    groups: NDArray[np.str_]
    passed_over: int
    sha256: str


def find_files(data: str) -> list[Path]:
    """Return the files of a path: itself, the HDF5 files of a folder, or what a pattern (`runs/*.h5`) matches.

    Raises: ValueError: there is none.
    """
    path = Path(data)
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
    elif path.exists():
        found = [path]
    else:
        found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
    if not found:
        raise ValueError(f"{data}: no file {' or '.join('*' + s for s in SUFFIXES)} there")
    return found


def read_rollouts(path: Path) -> Iterator[Rollout]:
    """Yield a file's rollouts by rising number.

    Raises: ValueError: not such a file (the message names the place); OSError: not readable.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        if not path.is_file():
            raise
        raise ValueError(f"{path}: not an HDF5 file, or a damaged one ({error})") from None
    with file:
        if not isinstance(file.get("parameter_names"), h5py.Dataset):
            raise ValueError(f"{path}: parameter_names must be a data set of the parameters' names")
        names = [_text(name) for name in np.atleast_1d(file["parameter_names"][...])]
        if len(set(names)) != len(names):
            raise ValueError(f"{path}: parameter_names must be distinct, got {', '.join(names)}")
        numbered = [
            (tuple(int(n or 0) for n in found.groups()), key) for key in file if (found := GROUP.fullmatch(key))
        ]
        if not numbered:
            raise ValueError(f"{path}: no rollout (a group param_0, param_1, ...) there")
        for _, key in sorted(numbered):
            yield _rollout(path, key, file[key], names)


def read_table(
    files: Sequence[Path], inputs: Sequence[str], outputs: Sequence[str], labels: Mapping[str, str], by: str
) -> Table:
    """Return the rollouts of several files that succeeded.

    Args: labels: name -> attribute, for names that the files do not use themselves; by: the attribute whose rollouts
    stay together in a split, "file" for files, "" for each rollout by itself.
    Raises: ValueError: a name that a rollout does not have, a value that is not finite, or no rollout left.
    """
    x, y, groups, passed_over, digest = [], [], [], 0, hashlib.sha256()
    for path in files:
        for rollout in read_rollouts(path):
            if not rollout.success:
                passed_over += 1
                continue
            row = [rollout.number(labels.get(name, name)) for name in (*inputs, *outputs)]
            if not np.isfinite(row).all():
                bad = [n for n, v in zip((*inputs, *outputs), row, strict=True) if not np.isfinite(v)]
                raise ValueError(
                    f"{rollout.name}: {', '.join(bad)} must be finite (set its success to False, or fix it)"
                )
            x.append(row[: len(inputs)])
            y.append(row[len(inputs) :])
            groups.append(_group(rollout, by))
            digest.update(np.array(row).tobytes() + groups[-1].encode())
    if not x:
        raise ValueError(f"{', '.join(map(str, files))}: no rollout that succeeded")
    return Table(np.array(x), np.array(y), np.array(groups), passed_over, digest.hexdigest())


def _rollout(path: Path, key: str, group: Any, names: list[str]) -> Rollout:
    if not isinstance(group, h5py.Group) or not isinstance(group.get("param_state"), h5py.Dataset):
        raise ValueError(f"{path}: {key} must be a group with a data set param_state")
    state = np.atleast_1d(group["param_state"][...])
    if state.shape != (len(names),) or state.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: {key}/param_state must hold {len(names)} numbers, as parameter_names does, "
            f"got shape {state.shape} of {state.dtype}"
        )
    values = {name: float(value) for name, value in zip(names, state, strict=True)}
    return Rollout(f"{path.name}:{key}", path.name, values, dict(group.attrs))


def _group(rollout: Rollout, by: str) -> str:
    if by in ("", "file"):
        return rollout.file if by else rollout.name
    if by in rollout.attributes:
        return _text(rollout.attributes[by])
    if by in rollout.state:
        return repr(rollout.state[by])
    raise ValueError(f"{rollout.name} has no {by!r} to split by; it has {', '.join(rollout.attributes)}")


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiu"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
