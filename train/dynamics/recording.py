"""One trajectory in a CSV file: timestamp [s], qpos_0..., qvel_0..., ctrl_0..., one row a sample. Read strictly."""

from __future__ import annotations

import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_BYTES = 1 << 30
MAX_COLUMNS = 512
COLUMN = re.compile(r"(qpos|qvel|ctrl)_(0|[1-9]\d{0,3})", re.ASCII)


@dataclass(frozen=True)
class Recording:
    """Rows (n, nq + nv + nu) float64 and their times (n,) [s], increasing."""

    time: NDArray[np.float64]
    rows: NDArray[np.float64]
    nq: int
    nv: int
    nu: int

    @property
    def dt_s(self) -> float:
        """The median step [s]."""
        return float(np.median(np.diff(self.time)))

    def irregular(self, dt_s: float, share: float = 0.05) -> int | None:
        """Return the first row that is off its step from the row before by more than a share of `dt_s`, or None."""
        off = np.abs(np.diff(self.time) - dt_s) > share * dt_s
        return int(np.argmax(off)) + 1 if off.any() else None


def read_recording(path: Path) -> Recording:
    """Return a file's rows.

    Raises: ValueError: a header other than the format's, a line of another length, a value that is no finite number,
    time that does not increase, fewer than 2 rows (the message names file and line); OSError: unreadable.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: not a file")  # a pipe would be waited for without end
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES} bytes: cut it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text (byte {error.start})") from None
    header, _, body = text.partition("\n")
    nq, nv, nu = _header(header.rstrip("\r"), path)
    values = _numbers(body, 1 + nq + nv + nu, path)
    time, rows = values[:, 0], values[:, 1:]
    if len(time) < 2:
        raise ValueError(f"{path}: needs at least 2 rows, got {len(time)}")
    if (np.diff(time) <= 0).any():
        at = int(np.argmax(np.diff(time) <= 0))
        raise ValueError(f"{path}: timestamp must increase, got {time[at + 1]:g} after {time[at]:g} in row {at + 2}")
    return Recording(time, rows, nq, nv, nu)


def write_recording(path: Path, recording: Recording) -> None:
    """Write a recording; a reader sees the whole file or none. Nine digits keep every float32."""
    counts = (("qpos", recording.nq), ("qvel", recording.nv), ("ctrl", recording.nu))
    names = ["timestamp", *(f"{kind}_{i}" for kind, n in counts for i in range(n))]
    text = io.StringIO()
    values = np.column_stack([np.round(recording.time, 9), recording.rows])
    np.savetxt(text, values, fmt="%.9g", delimiter=",", header=",".join(names), comments="")
    staged = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    staged.write_text(text.getvalue(), encoding="utf-8")
    staged.replace(path)


def _header(line: str, path: Path) -> tuple[int, int, int]:
    names = line.split(",")
    if len(names) > MAX_COLUMNS:
        raise ValueError(f"{path}: more than {MAX_COLUMNS} columns")
    counts = {"qpos": 0, "qvel": 0, "ctrl": 0}
    for name in names[1:]:
        if match := COLUMN.fullmatch(name):
            counts[match[1]] += 1
    wanted = ["timestamp", *(f"{kind}_{i}" for kind, n in counts.items() for i in range(n))]
    if names != wanted or not all(counts.values()):
        at = next((i for i, (a, b) in enumerate(zip(names, wanted, strict=False)) if a != b), len(wanted))
        got = repr(names[at][:40]) if at < len(names) else "nothing"
        raise ValueError(
            f"{path}: the header must be timestamp,qpos_0,...,qvel_0,...,ctrl_0,... without gaps, got {got} "
            f"in column {at + 1}"
        )
    return counts["qpos"], counts["qvel"], counts["ctrl"]


def _numbers(body: str, n_columns: int, path: Path) -> NDArray[np.float64]:
    """Return (rows, n_columns). Lines of one length are read in one go; what fails is looked for line by line."""
    if not body.strip():
        return np.empty((0, n_columns))
    try:
        values = np.loadtxt(io.StringIO(body), delimiter=",", comments=None, ndmin=2)
    except ValueError:
        values = None
    if values is not None and values.shape[1] == n_columns and np.isfinite(values).all():
        return values
    for number, line in enumerate(body.splitlines(), start=2):
        fields = line.split(",") if line.strip() else None
        if fields is None:
            continue
        if len(fields) != n_columns:
            raise ValueError(f"{path}, line {number}: {n_columns} values expected, got {len(fields)}")
        for column, value in enumerate(fields, start=1):
            try:
                finite = np.isfinite(float(value)) and "_" not in value
            except ValueError:
                finite = False
            if not finite:
                raise ValueError(f"{path}, line {number}, column {column}: not a finite number: {value[:40]!r}")
    raise ValueError(f"{path}: not a table of numbers")
