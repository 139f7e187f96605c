"""A corpus of refined gait sequences on disk, of any size: what is where, and how a run of sequences is read.

Files of uncompressed float32 (what `learn-data gait` writes) are read in place, straight into the reader's memory.
Others, compressed or of another number type, are decoded as a whole first; one decoded file is kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.gait.npz import Member, members
from learn_rt.train.gait.parameters import FILE, Parameters, read_parameters
from learn_rt.train.gait.pose import N_POSE
from learn_rt.train.gait.refine import N_FRAMES

Floats = NDArray[np.float32]
LARGEST = 1e3  # of a pose's numbers: metres, radians, parts of a rotation
MAX_LIST = 1 << 20  # bytes of a file that lists folders


@dataclass(frozen=True)
class Source:
    """One refined file."""

    path: Path
    params: Member
    motions: Member

    @property
    def count(self) -> int:
        """Number of sequences."""
        return self.params.shape[0]

    @property
    def in_place(self) -> bool:
        """Whether any run of sequences can be read by itself."""
        return all(m.offset is not None and m.dtype == np.dtype("<f4") for m in (self.params, self.motions))


@dataclass(frozen=True)
class Run:
    """Consecutive sequences of one source."""

    source: int
    start: int
    count: int


class Corpus:
    """The refined files of `data`: a folder of .npz files, one .npz file, or a text file with one of those a line."""

    def __init__(self, data: Path, parameters: str = "") -> None:
        """Look at the files; nothing but headers is read.

        Args: parameters: the CSV file of names and ranges; by default `parameters.csv` beside the first file.
        Raises: ValueError: no refined file, or one that does not fit (it is named); OSError.
        """
        self.where = data
        self.sources = [source_of(path) for path in _files(data)]
        csv = Path(parameters) if parameters else self.sources[0].path.parent / FILE
        if not csv.is_file():
            raise ValueError(f"{csv} is not there: names and ranges of the parameters (give parameters=FILE.csv)")
        self.parameters: Parameters = read_parameters(csv)
        for source in self.sources:
            if source.params.shape[1] != len(self.parameters):
                raise ValueError(
                    f"{source.path}: params must have {len(self.parameters)} columns, as {csv} has rows, "
                    f"got {source.params.shape[1]}"
                )
        self._decoded: tuple[int, Floats, Floats] | None = None
        self._checked: set[Run] = set()

    def names(self) -> list[str]:
        """Return a name for each source: its file's, or the whole path where two files are called the same."""
        names = [source.path.name for source in self.sources]
        if len(set(names)) == len(names):
            return names
        return [str(source.path) for source in self.sources]

    def __len__(self) -> int:
        return sum(source.count for source in self.sources)

    def runs(self, length: int) -> list[Run]:
        """Return the whole corpus as runs of at most `length` sequences."""
        return [
            Run(i, start, min(length, source.count - start))
            for i, source in enumerate(self.sources)
            for start in range(0, source.count, length)
        ]

    def read(self, run: Run, params: Floats, motions: Floats) -> None:
        """Fill params (count, P) and motions (count, 60, 101), contiguous, with a run of sequences.

        Raises: ValueError: values that are not finite or too large, or a file that has become shorter; OSError.
        """
        source = self.sources[run.source]
        if source.in_place:
            with source.path.open("rb") as file:
                for member, out in ((source.params, params), (source.motions, motions)):
                    _read_in_place(file.fileno(), member, run, out)
        else:
            whole = self._decode(run.source)
            for values, out in zip(whole, (params, motions), strict=True):
                out.reshape(run.count, -1)[:] = values[run.start : run.start + run.count].reshape(run.count, -1)
        if run not in self._checked:
            # Once: NaN compares false, and a parameter of any size is a matter of its range.
            if not (np.isfinite(params).all() and (np.abs(motions) <= LARGEST).all()):
                raise ValueError(f"{source.path}: sequences {run.start} to {run.start + run.count - 1} must be finite")
            self._checked.add(run)

    def load(self, runs: Sequence[Run]) -> tuple[Floats, Floats]:
        """Return params (n, P) and motions (n, 60, 101) of runs, in their order."""
        n = sum(run.count for run in runs)
        params, motions = np.empty((n, len(self.parameters)), np.float32), np.empty((n, N_FRAMES, N_POSE), np.float32)
        self.fill(runs, params, motions)
        return params, motions

    def fill(self, runs: Iterable[Run], params: Floats, motions: Floats) -> int:
        """Read runs one behind another into larger arrays; return how many sequences that were."""
        n = 0
        for run in runs:
            self.read(run, params[n : n + run.count], motions[n : n + run.count])
            n += run.count
        return n

    def fingerprint(self) -> str:
        """Return the SHA-256 of all files' names, sizes and parameters: not of the motions, which may be terabytes."""
        digest = hashlib.sha256()
        for source in self.sources:
            with source.path.open("rb") as file:
                params = hashlib.sha256()
                if source.params.offset is not None:
                    size = source.params.row_bytes * source.count
                    for start in range(0, size, 1 << 24):
                        params.update(os.pread(file.fileno(), min(1 << 24, size - start), source.params.offset + start))
            digest.update(f"{source.path.name} {source.path.stat().st_size} {params.hexdigest()}\n".encode())
        digest.update(self.parameters.to_csv().encode())
        return digest.hexdigest()

    def _decode(self, index: int) -> tuple[Floats, Floats]:
        if self._decoded is None or self._decoded[0] != index:
            self._decoded = None  # first, so that two are never held
            source = self.sources[index]
            params, motions = (m.read().astype(np.float32, copy=False) for m in (source.params, source.motions))
            self._decoded = (index, params, motions)
        return self._decoded[1:]


def _read_in_place(file: int, member: Member, run: Run, out: Floats) -> None:
    assert member.offset is not None
    view = out.data.cast("B")
    done = 0
    while done < len(view):
        got = os.preadv(file, [view[done:]], member.offset + run.start * member.row_bytes + done)
        if not got:
            raise ValueError(f"{member.path}: is shorter than when it was opened")
        done += got


def source_of(path: Path) -> Source:
    """Return a refined file, not read yet. Raises: ValueError: it is none; OSError."""
    found = members(path)
    if missing := {"params", "motions"} - set(found):
        raise ValueError(f"{path}: a refined file holds params and motions; {', '.join(sorted(missing))} is missing")
    if "lengths" in found:
        raise ValueError(f"{path}: holds raw recordings: run learn-data gait refine on it first")
    params, motions = found["params"], found["motions"]
    n = params.shape[0]
    fits: tuple[tuple[Any, ...], ...] = ((n, N_FRAMES, N_POSE), (n, N_FRAMES * N_POSE))
    if len(params.shape) != 2 or n < 1 or motions.shape not in fits or motions.dtype.kind != "f":
        raise ValueError(
            f"{path}: must hold params (n, P) and motions (n, {N_FRAMES}, {N_POSE}) or (n, {N_FRAMES * N_POSE}), "
            f"got {params.shape} and {motions.shape}"
        )
    return Source(path, params, motions)


def _files(data: Path) -> list[Path]:
    """Return the .npz files that `data` stands for, sorted."""
    if data.is_dir():
        found = sorted(path for path in data.glob("*.npz") if not path.name.startswith("."))
    elif data.suffix == ".npz":
        found = [data]
    else:
        if data.stat().st_size > MAX_LIST:
            raise ValueError(f"{data}: must be a folder, an .npz file, or a short text file that lists those")
        try:
            lines = [line.strip() for line in data.read_text().splitlines()]
        except UnicodeDecodeError:
            raise ValueError(f"{data}: must be a folder, an .npz file, or a text file that lists those") from None
        found = []
        for line in lines:
            if line:
                at = data.parent / line
                found += sorted(at.glob("*.npz")) if at.is_dir() else [at]
    if not found:
        raise ValueError(f"{data}: no .npz files there (learn-data gait writes them)")
    return found
