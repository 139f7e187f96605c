"""What a gait is conditioned on: names and ranges, kept beside the data as `parameters.csv`."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "parameters.csv"
MOST = 4000  # parameters: a spec has room for 4,096 signals
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Parameters:
    """Names and ranges of the parameters, in order."""

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __post_init__(self) -> None:
        if not 1 <= len(self.names) <= MOST or len(set(self.names)) != len(self.names):
            raise ValueError(f"there must be 1 to {MOST:,} parameters of distinct names, got {len(self.names)}")
        for name, low, high in zip(self.names, self.low, self.high, strict=True):
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(f"parameter {name!r} must have a finite min below its max, got {low:g}, {high:g}")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """Return where a parameter stands. Raises: ValueError: there is none of that name."""
        if name not in self.names:
            raise ValueError(f"no parameter {name!r}; there are {', '.join(self.names[:8])}, ... ({len(self)} in all)")
        return self.names.index(name)

    def to_csv(self) -> str:
        """Return the file's text: name,min,max, one row a parameter."""
        rows = zip(self.names, self.low, self.high, strict=True)
        return "name,min,max\n" + "".join(f"{name},{low!r},{high!r}\n" for name, low, high in _plain(rows))


def _plain(rows: object) -> list[tuple[str, float, float]]:
    return [(name, float(low), float(high)) for name, low, high in rows]  # type: ignore[attr-defined]


def read_parameters(path: Path) -> Parameters:
    """Return the parameters of a CSV file with the columns name, min, max.

    Raises: ValueError: not such a file (it names the file and the line); OSError: not readable.
    """
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: must be at most {MAX_BYTES:,} bytes")
    try:
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode())))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a CSV file ({error})") from None
    if not rows or [cell.strip() for cell in rows[0]] != ["name", "min", "max"]:
        raise ValueError(f"{path}: the first line must be name,min,max")
    names, bounds = [], []
    for number, row in enumerate(rows[1:], 2):
        try:
            name, low, high = (cell.strip() for cell in row)
            bounds.append((float(low), float(high)))
        except ValueError:
            raise ValueError(f"{path}:{number}: expected name,min,max with numbers, got {','.join(row)!r}") from None
        names.append(name)
    ranges = np.array(bounds, np.float64).reshape(-1, 2)
    try:
        return Parameters(tuple(names), ranges[:, 0], ranges[:, 1])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
