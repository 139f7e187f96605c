"""Columns of MATLAB 7.3 (HDF5) files, read warily: no other file is opened, and no memory taken on a file's word.

Public: `read_columns(path, names, optional)`, and `group`, `numbers`, `check` for readers with more to read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BOUNDS = {"layer_num": 2**31 - 1, "feature": 127}  # of what is kept in fewer bits; else 1e9 in any unit
MAX_TICKS = 4_000_000  # of one layer: more than two hours at 500 Hz
DAMAGED = (OSError, KeyError, OverflowError, RuntimeError, TypeError, ValueError, IndexError)  # what h5py raises


def read_columns(path: Path, names: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Array]:
    """Return columns (n,) of a file's `simulation_data`; of `optional` those that are there.

    Raises: ValueError: not such a file, or columns that differ in length or are not finite; it names the file.
    """
    try:
        with h5py.File(path, "r") as file:
            data = group(file, "simulation_data")
            wanted = [*names, *(name for name in optional if name in data)]
            columns = {name: numbers(data, name, MAX_TICKS) for name in wanted}
    except DAMAGED as error:
        raise ValueError(f"{path}: not a layer of a print ({error})") from None
    check(path, columns)
    return columns


def check(path: Path, columns: Mapping[str, Array]) -> None:
    """Check that columns are as long as `time` and finite. Raises: ValueError: it names the file and the column."""
    n = len(columns["time"])
    for name, values in columns.items():
        if len(values) != n or not n or not (np.abs(values) <= BOUNDS.get(name, 1e9)).all():
            raise ValueError(f"{path}: simulation_data/{name} must hold {max(n, 1)} finite numbers, as time does")


def group(parent: h5py.Group, name: str) -> h5py.Group:
    """Return a group of the file itself. Raises: ValueError, KeyError: it is not there."""
    return _member(parent, name, h5py.Group)


def numbers(parent: h5py.Group, name: str, most: int) -> Array:
    """Return the numbers of a dataset, flat. What it claims to hold is bounded before memory is taken."""
    data = _member(parent, name, h5py.Dataset)
    if data.dtype.kind not in "iuf" or data.size is None or data.external or data.is_virtual:
        raise ValueError(f"{name} must hold plain numbers")
    if data.size > most or math.prod(data.chunks or ()) > MAX_TICKS:
        raise ValueError(f"{name} must hold at most {most:,} numbers, got {data.size}")
    return np.asarray(data, np.float64).ravel()


def _member(parent: h5py.Group, name: str, kind: type) -> Any:
    """Return what the file itself holds under a name: a link could lead to any file of the machine."""
    if not isinstance(parent.get(name, getlink=True), h5py.HardLink) or not isinstance(parent[name], kind):
        raise ValueError(f"{name} must be a {kind.__name__.lower()} of this file")
    return parent[name]
