"""Files to tensors: read, checked, on one grid, split, and where each window ends."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from learn_rt.train.core.split import Split, split_parts
from learn_rt.train.table import checks
from learn_rt.train.table.readers import find, read
from learn_rt.train.table.recording import Recording
from learn_rt.train.table.resample import LOST, Segment, on_grid

SHARE = 0.15  # of the files, or of each recording, for validation, and as much for test
N_BLOCKS = 10  # of each recording, where one is split by blocks
JITTER = 0.02  # of the interval, within which times count as even


@dataclass
class Windows:
    """Samples x (n, n_features) and targets y (n, n_outputs), one segment after another, and where windows end."""

    x: Tensor
    y: Tensor
    ends: Tensor

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self.x, self.y, self.ends = self.x.to(device), self.y.to(device), self.ends.to(device)


def load(
    pattern: str, names: Sequence[str], time: str, unit: str, dt_s: float, missing: str, unit_check: bool
) -> tuple[list[Recording], list[str], str]:
    """Return (recordings, warnings, SHA-256 of the files).

    Raises: ValueError: files or columns are not there, values are missing, or units are mixed up between files.
    """
    digest, recordings = hashlib.sha256(), []
    for path in find(pattern):
        recordings.append(read(path, names, time, unit, dt_s))
        digest.update(path.name.encode() + b"\0" + _hash(path))
    if missing == "refuse":
        checks.refuse_missing(recordings)
    errors, warnings = checks.scale_jumps(recordings)
    if errors and unit_check:
        raise ValueError("; ".join(errors))
    return recordings, checks.other_rates(recordings) + warnings, digest.hexdigest()


def tick(recordings: Sequence[Recording], inputs: Sequence[str], dt_s: float) -> tuple[float, str]:
    """Return the time between two samples [s] and a sentence on what happens to the signals' own rates."""
    intervals = {name: np.median([r.signals[name].interval_s for r in recordings]) for name in recordings[0].signals}
    fastest = min(float(intervals[name]) for name in inputs)
    if dt_s <= 0 and not recordings[0].timed:
        raise ValueError("the files have no time column: give dt_s= [s between two rows], or time= its name")
    dt = dt_s or float(f"{fastest:.6g}")  # without the noise of a clock's last digits
    if dt <= 0:
        raise ValueError("the files hold a single sample each: give dt_s=")
    others = {n: i for n, i in intervals.items() if abs(i - dt) > JITTER * dt}
    rates = ", ".join(f"{name} ({1 / i:.4g} Hz)" for name, i in others.items() if i > 0)
    return dt, f"one sample each {dt:g} s; resampled: {rates}" if rates else f"one sample each {dt:g} s"


def segments_of(
    recordings: Sequence[Recording], inputs: list[str], outputs: list[str], dt_s: float, missing: str, max_gap: float
) -> list[Segment]:
    """Return what can be learned from, on one grid. Raises: ValueError: nothing is left of a recording."""
    # A value that is dropped must not be bridged; jitter of half an interval is none.
    gap = {"interpolate": max_gap, "drop": 1.5}.get(missing, LOST)
    found: list[Segment] = []
    for recording in recordings:
        pieces = on_grid(recording, inputs, outputs, dt_s, gap)
        if not pieces:
            raise ValueError(f"{recording.name}: {_apart(recording)}")
        found += pieces
    return found


def _apart(recording: Recording) -> str:
    """Return why no row holds all signals, and what to do."""
    late = max(recording.signals, key=lambda name: recording.signals[name].t[0])
    early = min(recording.signals, key=lambda name: recording.signals[name].t[-1])
    begin, end = recording.signals[late].t[0], recording.signals[early].t[-1]
    if begin > end:
        return (
            f"{late} begins {begin - end:.4g} s after {early} has ended: their times count from different moments; "
            "bring them to one clock, or leave the file out"
        )
    return "its signals are never there together: leave the file out"


def split_files(names: Sequence[str], seed: int, validation: Sequence[str], test: Sequence[str]) -> Split:
    """Return a split of files: 15 % (at least one) for validation and for test where none is named."""
    if len(names) < 3:
        raise ValueError(
            f"split=by_file needs at least three files, got {len(names)}: give more, or set split=by_block to hold "
            "out contiguous blocks of each"
        )
    free = [name for name in sorted(names) if name not in {*validation, *test}]
    drawn = [free[i] for i in np.random.default_rng(seed).permutation(len(free))]
    count = max(1, round(SHARE * len(names)))
    tested = list(test) or [drawn.pop() for _ in range(min(count, len(drawn)))]
    held = list(validation) or [drawn.pop() for _ in range(min(count, len(drawn)))]
    return split_parts(names, seed, held, tested)


def blocks(segments: Sequence[Segment], seed: int, window: int) -> dict[str, list[Segment]]:
    """Return the segments of each side, where every recording is cut into blocks: 70 % train, 15 % each held out.

    Between two blocks of different sides `window` samples are left out, so that no window shares a sample.
    """
    sides: dict[str, list[Segment]] = {"train": [], "validation": [], "test": []}
    rng = np.random.default_rng(seed)
    for segment in segments:
        n = len(segment.x)
        count = min(2 * N_BLOCKS, n // (4 * window))
        if count < 4:
            sides["train"].append(segment)
            continue
        held = max(1, round(SHARE * count))
        order = rng.permutation(count)
        side = ["train"] * count
        for k in order[:held]:
            side[k] = "validation"
        for k in order[held : 2 * held]:
            side[k] = "test"
        edges = np.linspace(0, n, count + 1).astype(int)
        start = 0
        for k in range(count):
            if k + 1 < count and side[k + 1] == side[k]:
                continue
            low = edges[start] + (window if start else 0)
            sides[side[k]].append(
                Segment(segment.recording, segment.x[low : edges[k + 1]], segment.y[low : edges[k + 1]])
            )
            start = k + 1
    return sides


def windows(segments: Sequence[Segment], window: int, side: str) -> Windows:
    """Return tensors of segments. Raises: ValueError: none is as long as a window."""
    x = np.concatenate([s.x for s in segments]) if segments else np.zeros((0, 1))
    y = np.concatenate([s.y for s in segments]) if segments else np.zeros((0, 1))
    starts = np.cumsum([0, *(len(s.x) for s in segments)])
    ends = [np.arange(a + window - 1, b) for a, b in pairwise(starts)]
    every = np.concatenate([*ends, np.zeros(0, dtype=np.int64)])
    if len(every) < 2:
        raise ValueError(
            f"no stretch of the {side} data is as long as a window of {window} samples: give a smaller window=, or "
            "longer recordings without gaps"
        )
    return Windows(torch.from_numpy(x).float(), torch.from_numpy(y).float(), torch.from_numpy(every))


def as_samples(data: Windows, ends: Tensor, window: int) -> Tensor:
    """Return raw windows (n, window, n_features), or samples (n, n_features) where window is 1."""
    if window == 1:
        return data.x[ends]
    return data.x[ends.unsqueeze(1) + torch.arange(1 - window, 1, device=ends.device)]


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
