"""Synthetic recordings as files, in the layouts of the real datasets, so that everything runs without private data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from learn_rt.train.activity import mmfit, utd
from learn_rt.train.activity.synthetic import REST, SIM_HZ, Array, G, Person, move, sampled

MID_HIP_M = (0.0, 0.0, 1.0)
NOISE_G, NOISE_DEG_S, NOISE_M = 0.02, 2.0, 0.003
UTD_CAMERA_HZ = 19.0  # what is kept of nominally 30


def write_utd(
    folder: Path, seed: int, subjects: int = 8, actions: int = 21, trials: int = 4, seconds: float = 3.4
) -> None:
    """Write clips as UTD-MHAD's MATLAB files, of `seconds` each."""
    from scipy.io import savemat

    for name in ("Inertial", "Skeleton"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for subject in range(1, subjects + 1):
        rng = np.random.default_rng([seed, subject])
        person = Person.drawn(rng)
        for action in range(1, actions + 1):
            for trial in range(1, trials + 1):
                made = move(person, action - 1, seconds * rng.uniform(0.9, 1.2), rng)
                name = f"a{action}_s{subject}_t{trial}"
                imu = sampled(np.concatenate([made["acc"], made["gyro"]], 1), utd.RATE_HZ)
                imu = imu + rng.normal(0.0, 1.0, imu.shape) * np.repeat([NOISE_G, NOISE_DEG_S], 3)
                savemat(folder / "Inertial" / f"{name}_inertial.mat", {"d_iner": imu})
                joints = sampled(made["joints"], UTD_CAMERA_HZ)
                body = _body(joints, 20, utd.MID_HIP, list(utd.WRIST.values()), rng)
                savemat(folder / "Skeleton" / f"{name}_skeleton.mat", {"d_skel": body.transpose(1, 2, 0)})


def write_mmfit(folder: Path, seed: int, workouts: int = 10, seconds: float = 8.0, device: str = "sw_l") -> None:
    """Write workouts w00, w01, ... of all exercises, `seconds` each, with rest between them, in MM-Fit's files."""
    for number in range(workouts):
        name = f"w{number:02d}"
        place = folder / "mm-fit" / name
        place.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng([seed, number])
        person = Person.drawn(rng)
        acc, joints, rows, n = [], [], [], 0
        for action in rng.permutation(len(mmfit.EXERCISES) - 1).tolist():
            for what in (REST, action):
                made = move(person, what, seconds * (0.3 if what == REST else 1.0) * rng.uniform(0.9, 1.1), rng)
                acc.append(made["acc"])
                joints.append(made["joints"])
                first, n = n, n + len(made["acc"])
                if what != REST:
                    bounds = [round(k / SIM_HZ * mmfit.CAMERA_HZ) for k in (first, n)]
                    rows.append(f"{bounds[0]},{bounds[1] - 1},10,{mmfit.EXERCISES[action]}")
        felt = sampled(np.concatenate(acc), mmfit.RATE_HZ) * G
        times = np.arange(len(felt)) / mmfit.RATE_HZ
        stamps = 1.6e12 + np.rint(times * 1e3)
        felt = felt + rng.normal(0.0, NOISE_G * G, felt.shape)
        counted = np.floor(times * mmfit.CAMERA_HZ)
        np.save(place / f"{name}_{device}_acc.npy", np.column_stack([counted, stamps, felt]))
        side = list(mmfit.LIMBS[device[-1]].values())
        body = _body(sampled(np.concatenate(joints), mmfit.CAMERA_HZ), 17, mmfit.MID_HIP, side, rng)
        numbers = np.broadcast_to(np.arange(len(body), dtype=np.float64), (3, len(body)))
        np.save(place / f"{name}_pose_3d.npy", np.concatenate([numbers[:, :, None], body.transpose(2, 0, 1)], 2))
        (place / f"{name}_labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _body(limb: Array, n_joints: int, mid_hip: int, joints: list[int], rng: np.random.Generator) -> Array:
    """Return a skeleton (n, n_joints, 3) with a limb (n, 3, 3); the joints that nobody reads lie at the mid-hip."""
    body = np.tile(np.array(MID_HIP_M), (len(limb), n_joints, 1))
    body[:, joints] = limb
    return np.asarray(body + rng.normal(0.0, NOISE_M, body.shape))
