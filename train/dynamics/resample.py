"""Recordings brought to one step of time: refused where they are irregular, or resampled where that is asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from learn_rt.train.dynamics.recording import Recording

GAP = 5.0  # steps without a sample over which nothing is interpolated


def check_regular(recording: Recording, dt_s: float, path: Path) -> None:
    """Raise ValueError unless every step of time is `dt_s`, to 5 %."""
    row = recording.irregular(dt_s)
    if row is not None:
        step = recording.time[row] - recording.time[row - 1]
        raise ValueError(
            f"{path}: the step to row {row + 1} is {step:g} s, not {dt_s:g} s: "
            "resample with learn-data dynamics convert --resample"
        )


def resample(recording: Recording, dt_s: float, path: Path, angles: list[int]) -> Recording:
    """Return the recording at steps of `dt_s`: positions and velocities between samples on a line, controls held.

    Angles are unwrapped first: between 3.1 and -3.1 lies pi, not 0.

    Raises: ValueError: a gap of more than five of its own steps, or nothing left.
    """
    recording = unwrapped(recording, angles)
    time, steps = recording.time, np.diff(recording.time)
    longest = int(np.argmax(steps))
    if steps[longest] > GAP * max(dt_s, recording.dt_s):
        raise ValueError(
            f"{path}: a gap of {steps[longest]:g} s after row {longest + 1} is too long to resample: cut the file there"
        )
    n = math.floor((time[-1] - time[0]) / dt_s + 1e-6) + 1
    if n < 2:
        raise ValueError(f"{path}: shorter than two steps of {dt_s:g} s")
    at = np.minimum(time[0] + dt_s * np.arange(n), time[-1])
    n_state = recording.nq + recording.nv
    state = np.column_stack([np.interp(at, time, recording.rows[:, i]) for i in range(n_state)])
    # A control acts from its sample on. A hair later: equal times must not fall to the sample before by rounding.
    held = recording.rows[np.searchsorted(time, at + 1e-6 * dt_s, side="right") - 1, n_state:]
    return replace(recording, time=at - time[0], rows=np.column_stack([state, held]))


def unwrapped(recording: Recording, angles: list[int]) -> Recording:
    """Return the recording with angles that go on where an encoder starts again after a turn."""
    rows = recording.rows.copy()
    rows[:, angles] = np.unwrap(rows[:, angles], axis=0)
    return replace(recording, rows=rows)
