"""From raw gait recordings to training sequences: two cycles of 30 frames each, evenly spaced in phase.

Raw: `params` (N, P), `lengths` (N,), `motions` (sum of lengths, 57): the 56 numbers of `pose.JOINTS` at 30 frames a
second, and the phase, which runs from 0 to 1 in a cycle. Refined: `params` (M, P), `motions` (M, 60, 101) or (M, 6060).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.gait.npz import members
from learn_rt.train.gait.pose import N_DOF, N_POSE, from_rotation_vectors

N_FRAMES = 60
FRAMES_A_CYCLE = 30
MIN_FRAMES = 141  # a recording that is shorter, at 30 frames a second, has not settled into its gait

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Refused:
    """A recording that gave no sequence, and why."""

    file: str
    number: int
    cause: str


def phases() -> Array:
    """Return the phases (60,) of a sequence's frames, in cycles: 0 to 59/30."""
    return np.arange(N_FRAMES) / FRAMES_A_CYCLE


def refine_motion(raw: Array) -> Array:
    """Return the sequence (60, 101) in a raw recording (n, 57).

    The part before the first whole cycle is left out. Poses are blended linearly between the two frames around each
    phase; so are the pelvis' steps, which stay steps a frame of 1/30 s.

    Raises: ValueError: a phase outside 0 to 1, or fewer than two whole cycles.
    """
    phase = raw[:, N_DOF]
    if not np.isfinite(raw).all() or phase.min() < 0 or phase.max() > 1:
        raise ValueError("values must be finite and phases from 0 to 1")
    pose = from_rotation_vectors(raw[:, :N_DOF])
    wraps = np.concatenate([[0], np.cumsum(np.diff(phase) < 0)])
    unwrapped = phase + wraps - 1.0  # the first cycle that is whole begins at 0
    wanted = phases()
    # The last frame at or before each phase, so that the next one is behind it. A phase that stands is no trouble.
    before = np.searchsorted(unwrapped, wanted, side="right") - 1
    if before[0] < 0 or before[-1] + 1 >= len(raw):
        raise ValueError(f"two whole cycles are needed, got phases from {unwrapped[0]:.2f} to {unwrapped[-1]:.2f}")
    span = unwrapped[before + 1] - unwrapped[before]
    weight = ((wanted - unwrapped[before]) / span)[:, None]
    return (1 - weight) * pose[before] + weight * pose[before + 1]


def read_raw(path: Path, n_parameters: int) -> Iterator[tuple[int, NDArray[np.float32], Array]]:
    """Yield (number, parameters (P,), raw recording (n, 57)) of a file, in its order.

    Raises: ValueError: not a file of raw recordings, or its parts do not fit; OSError.
    """
    found = members(path)
    if missing := {"params", "motions", "lengths"} - set(found):
        raise ValueError(
            f"{path}: a file of raw recordings holds params, motions and lengths; {min(missing)} is missing"
        )
    shapes = {name: found[name].shape for name in ("params", "motions", "lengths")}
    n = shapes["lengths"][0]
    if shapes["params"] != (n, n_parameters) or len(shapes["motions"]) != 2 or shapes["motions"][1] != N_DOF + 1:
        raise ValueError(
            f"{path}: must hold lengths (N,), params (N, {n_parameters}) and motions (n, {N_DOF + 1}), got {shapes}"
        )
    lengths = found["lengths"].read()
    if lengths.dtype.kind not in "iu" or (lengths < 0).any() or int(lengths.sum()) != shapes["motions"][0]:
        raise ValueError(f"{path}: lengths must be whole numbers that add up to {shapes['motions'][0]} frames")
    params, motions = found["params"].read(), found["motions"].read()
    end = 0
    for number, length in enumerate(lengths.tolist()):
        start, end = end, end + length
        yield number, params[number].astype(np.float32), motions[start:end].astype(np.float64)


def refine_file(
    path: Path, n_parameters: int, refused: list[Refused], min_frames: int = MIN_FRAMES
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield (parameters (P,), sequence (60, 101)) of each recording; what gives none is appended to `refused`.

    Raises: as `read_raw`.
    """
    for number, params, raw in read_raw(path, n_parameters):
        try:
            if len(raw) < min_frames:
                raise ValueError(f"{len(raw)} frames, fewer than {min_frames}")
            if not np.isfinite(params).all():
                raise ValueError("parameters must be finite")
            yield params, refine_motion(raw).astype(np.float32)
        except ValueError as error:
            refused.append(Refused(str(path), number, str(error)))


class Writer:
    """Writes sequences into files of at most `per_file`, uncompressed float32: read in place, block by block."""

    def __init__(self, folder: Path, name: str, per_file: int) -> None:
        self._folder, self._name, self._per_file = folder, name, per_file
        self._rows: list[tuple[NDArray[Any], NDArray[Any]]] = []
        self.written: list[tuple[Path, int]] = []

    def add(self, params: NDArray[np.float32], motion: NDArray[np.float32]) -> None:
        """Append one sequence: parameters (P,), motion (60, 101)."""
        assert motion.shape == (N_FRAMES, N_POSE)
        self._rows.append((params, motion))
        if len(self._rows) == self._per_file:
            self.flush()

    def flush(self) -> None:
        """Write what is held, if anything: the last file is smaller, and not left out."""
        if not self._rows:
            return
        params, motions = (np.stack([row[i] for row in self._rows]).astype(np.float32) for i in (0, 1))
        self._rows = []
        path = self._folder / f"{self._name}_{len(self.written):04d}.npz"
        write_npz(path, params=params, motions=motions)
        self.written.append((path, len(params)))


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an uncompressed NPZ file; a reader sees all of it or none."""
    staged = path.with_name(f".{path.name}.tmp")
    try:
        with staged.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
