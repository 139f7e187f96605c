"""MM-Fit's layout: one folder a workout, sensor and 3-D pose as .npy, exercises as CSV.

`<data_dir>/mm-fit/wNN/` or `<data_dir>/wNN/` holds
`wNN_<device>_acc.npy` (n, 5): video frame, Unix time [ms], x, y, z [m/s^2], about 100 Hz;
`wNN_pose_3d.npy` (3, n, 18): x, y, z; each row a video frame's number, then 17 joints, 30 Hz;
`wNN_labels.csv`: first frame, last frame, repetitions, exercise; frames that no row covers are non_activity.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.activity.clock import Array, at, covered, stretches
from learn_rt.train.activity.recordings import Channel, Description, Recording, join

RATE_HZ, CAMERA_HZ = 100.0, 30.0
LONGEST_GAP_S = 0.5  # between two samples of the sensor; a longer one ends a stretch
CHANNELS = tuple(Channel(f"acc_{axis}", "m/s^2") for axis in "xyz")
REST = "non_activity"
EXERCISES = (
    *("squats", "lunges", "bicep_curls", "situps", "pushups", "tricep_extensions", "dumbbell_rows", "jumping_jacks"),
    *("dumbbell_shoulder_press", "lateral_shoulder_raises", REST),
)
MID_HIP = 0
LIMBS = {  # device's side -> joint of Human3.6M's 17
    "l": {"left_shoulder": 11, "left_elbow": 12, "left_wrist": 13},
    "r": {"right_shoulder": 14, "right_elbow": 15, "right_wrist": 16},
}
_WORKOUT = re.compile(r"w\d+")


def read_mmfit(
    data_dir: Path, device: str = "sw_l", rate_hz: float = RATE_HZ
) -> tuple[Description, dict[str, Recording]]:
    """Return the workouts under `data_dir` by name (w00, w01, ...), resampled to one clock.

    Raises: ValueError: not this layout, or a file that is not what it must be (named); OSError.
    """
    if device[-2:] not in ("_l", "_r"):
        raise ValueError(f"the device must end with its side, _l or _r, as sw_l (the left wrist), got {device!r}")
    root = data_dir / "mm-fit" if (data_dir / "mm-fit").is_dir() else data_dir
    folders = sorted(p for p in root.glob("w*") if p.is_dir() and _WORKOUT.fullmatch(p.name))
    if not folders:
        raise ValueError(f"{root} holds no folder w00, w01, ...: it is not MM-Fit")
    joints = LIMBS[device[-1]]
    description = Description("mmfit", rate_hz, CHANNELS, tuple(joints), EXERCISES)
    return description, {f.name: _workout(f, device, list(joints.values()), rate_hz) for f in folders}


def _workout(folder: Path, device: str, joints: list[int], rate_hz: float) -> Recording:
    sensor = folder / f"{folder.name}_{device}_acc.npy"
    acc = _load(sensor)
    if acc.ndim != 2 or acc.shape[1] != 5 or len(acc) < 2:
        raise ValueError(f"{sensor} must have shape (n, 5): frame, Unix ms, x, y, z; got {acc.shape}")
    acc = acc[np.argsort(acc[:, 1], kind="stable")]
    acc = acc[np.concatenate([[True], np.diff(acc[:, 1]) > 0])]  # watches send some samples twice
    seconds = (acc[:, 1] - acc[0, 1]) * 1e-3
    camera = folder / f"{folder.name}_pose_3d.npy"
    pose = _load(camera)
    if pose.ndim != 3 or pose.shape[0] != 3 or pose.shape[2] != 18 or pose.shape[1] < 2:
        raise ValueError(f"{camera} must have shape (3, n, 18): frame and 17 joints; got {pose.shape}")
    frames, body = pose[0, :, 0], pose[:, :, 1:].transpose(1, 2, 0)
    if (np.diff(frames) <= 0).any():
        raise ValueError(f"{camera}: frame numbers must rise")
    shown = _times_of(frames, acc[:, 0], seconds)
    marked = _labels(folder / f"{folder.name}_labels.csv")
    parts = []
    for stretch in stretches(seconds, LONGEST_GAP_S):
        known = seconds[stretch]
        times = known[0] + np.arange(int((known[-1] - known[0]) * rate_hz) + 1) / rate_hz
        if len(times) < 2:
            continue
        frame = at(times, known, acc[stretch, :1])[:, 0]
        label = np.full(len(times), EXERCISES.index(REST), np.int16)
        for first, last, what in marked:
            label[(frame >= first) & (frame <= last)] = what
        parts.append(
            Recording(
                imu=at(times, known, acc[stretch, 2:]).astype(np.float32),
                pose=at(times, shown, body[:, joints]).astype(np.float32),
                origin=at(times, shown, body[:, MID_HIP]).astype(np.float32),
                posed=covered(times, shown, 3.5 / CAMERA_HZ),
                label=label,
                offsets=np.array([0, len(times)], np.int64),
            )
        )
    if not parts:
        raise ValueError(f"{sensor} has no stretch of two samples within {LONGEST_GAP_S} s")
    return join(parts)


def _times_of(frames: Array, counted: Array, seconds: Array) -> Array:
    """Return when video frames were taken, from the sensor's samples that carry both frame and time."""
    # A frame lasts some three samples: the middle of them, so that times rise.
    number, which = np.unique(counted, return_inverse=True)
    middle = np.bincount(which, seconds) / np.bincount(which)
    if len(number) < 2 or (np.diff(middle) <= 0).any():
        raise ValueError("the sensor's frame numbers must rise with its time")
    beyond = np.clip(frames, number[0], number[-1])
    return np.asarray(np.interp(frames, number, middle) + (frames - beyond) / CAMERA_HZ)


def _labels(path: Path) -> list[tuple[int, int, int]]:
    rows = []
    with path.open(newline="", encoding="utf-8") as file:
        for i, row in enumerate(csv.reader(file)):
            if not row or (i == 0 and not row[0].strip().lstrip("-").isdigit()):  # empty, or a header
                continue
            try:
                first, last, exercise = int(row[0]), int(row[1]), row[3].strip()
                if last < first:
                    raise ValueError("the last frame is before the first")
                rows.append((first, last, EXERCISES.index(exercise)))
            except (ValueError, IndexError) as error:
                raise ValueError(
                    f"{path}, line {i + 1}: must be first frame, last frame, repetitions, exercise: {error}"
                ) from None
    return rows


def _load(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        values: NDArray[np.float64] = np.load(path, allow_pickle=False).astype(np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{path} holds values that are not finite")
    return values
