"""UTD-MHAD: clips of 27 actions by 8 subjects, as the authors' MATLAB files or packed into one NPZ.

Files: `Inertial/a<action>_s<subject>_t<trial>_inertial.mat` holds d_iner (n, 6), acceleration [g] and angular rate
[deg/s] at 50 Hz; `Skeleton/..._skeleton.mat` holds d_skel (20, 3, n) [m]. The packed form has the arrays
inertial, skeleton, inertial_offsets, skeleton_offsets and action_subject_trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.activity.clock import at
from learn_rt.train.activity.recordings import Channel, Description, Recording, join

RATE_HZ = 50.0
CHANNELS = tuple(
    Channel(f"{sensor}_{axis}", unit) for sensor, unit in (("acc", "g"), ("gyro", "deg/s")) for axis in "xyz"
)
MID_HIP = 3
WRIST = {"right_shoulder": 8, "right_elbow": 9, "right_wrist": 10}
# In the authors' order. The sensor is on the right wrist for the first 21, on the thigh for the others.
ACTIONS = (
    *("swipe_left", "swipe_right", "wave", "clap", "throw", "cross_arms", "basketball_shoot", "draw_x"),
    *("draw_circle_cw", "draw_circle_ccw", "draw_triangle", "bowling", "boxing", "baseball_swing", "tennis_swing"),
    *("arm_curl", "tennis_serve", "push", "knock", "catch", "pickup_throw"),
)
_NAME = re.compile(r"a(\d+)_s(\d+)_t(\d+)_inertial\.mat")
Clip = tuple[int, int, int, NDArray[np.floating], NDArray[np.floating]]  # action, subject, trial, inertial, skeleton


def read_utd(source: Path) -> tuple[Description, dict[str, Recording]]:
    """Return the wrist's actions of a folder of MATLAB files, or of the packed NPZ, by subject: s1, s2, ...

    Raises: ValueError: not this layout, or a clip that is not what it must be (named); OSError.
    """
    clips: dict[str, list[Recording]] = {}
    for action, subject, trial, inertial, skeleton in _packed(source) if source.is_file() else _matlab(source):
        if action <= len(ACTIONS):
            name = f"a{action}_s{subject}_t{trial}"
            clips.setdefault(f"s{subject}", []).append(_clip(name, action - 1, inertial, skeleton))
    if not clips:
        raise ValueError(f"{source} holds no clip of actions 1 to {len(ACTIONS)}")
    description = Description("utd", RATE_HZ, CHANNELS, tuple(WRIST), ACTIONS)
    return description, {subject: join(parts) for subject, parts in clips.items()}


def _clip(name: str, label: int, inertial: NDArray[np.floating], skeleton: NDArray[np.floating]) -> Recording:
    if inertial.ndim != 2 or inertial.shape[1] != 6 or len(inertial) < 2:
        raise ValueError(f"{name}: inertial samples must have shape (n, 6), got {inertial.shape}")
    if skeleton.ndim != 3 or skeleton.shape[1:] != (20, 3) or len(skeleton) < 2:
        raise ValueError(f"{name}: the skeleton must have shape (n, 20, 3), got {skeleton.shape}")
    # The files hold no stamps. Both devices ran from a clip's start to its end: of the camera's nominal 30 frames a
    # second 17 to 20 were kept. Laid so, a linear map of the arm's directions and the wrist's acceleration explains 64,
    # 27 and 34 % of what the sensor feels (subjects 5 and 6, learned from 1 to 4); at 30 a second 20, 11 and 24 %.
    times, frames = np.linspace(0.0, 1.0, len(inertial)), np.linspace(0.0, 1.0, len(skeleton))
    return Recording(
        imu=inertial.astype(np.float32),
        pose=at(times, frames, skeleton[:, list(WRIST.values())]).astype(np.float32),
        origin=at(times, frames, skeleton[:, MID_HIP]).astype(np.float32),
        posed=np.ones(len(inertial), np.bool_),
        label=np.full(len(inertial), label, np.int16),
        offsets=np.array([0, len(inertial)], np.int64),
    )


def _packed(path: Path) -> Iterator[Clip]:
    with np.load(path, allow_pickle=False) as arrays:
        names = ("inertial", "skeleton", "inertial_offsets", "skeleton_offsets", "action_subject_trial")
        if missing := [n for n in names if n not in arrays]:
            raise ValueError(f"{path} lacks {', '.join(missing)}: it is not packed UTD-MHAD")
        inertial, skeleton, first, frame, which = (arrays[n] for n in names)
    if len(first) != len(which) + 1 or len(frame) != len(which) + 1:
        raise ValueError(f"{path}: offsets must be one more than the {len(which)} clips")
    for i, (action, subject, trial) in enumerate(which.tolist()):
        yield action, subject, trial, inertial[first[i] : first[i + 1]], skeleton[frame[i] : frame[i + 1]]


def _matlab(folder: Path) -> Iterator[Clip]:
    from scipy.io import loadmat

    files = {match: path for path in folder.glob("Inertial/*.mat") if (match := _NAME.fullmatch(path.name))}
    if not files:
        raise ValueError(f"{folder} holds no Inertial/a1_s1_t1_inertial.mat or the like: it is not UTD-MHAD")
    for match, path in sorted(files.items(), key=lambda item: [int(n) for n in item[0].groups()]):
        action, subject, trial = (int(n) for n in match.groups())
        skeleton = folder / "Skeleton" / path.name.replace("_inertial", "_skeleton")
        if not skeleton.is_file():
            raise ValueError(f"{skeleton} is missing, {path.name} is there")
        try:
            frames = loadmat(skeleton)["d_skel"].transpose(2, 0, 1)
            yield action, subject, trial, loadmat(path)["d_iner"], frames
        except (KeyError, ValueError, NotImplementedError) as error:
            raise ValueError(f"{path.name} or its skeleton is not a MATLAB file of UTD-MHAD: {error}") from None
