"""Trajectories of a mechanism in MuJoCo, driven so that they visit what a controller will."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.dynamics.folder import About
from learn_rt.train.dynamics.recording import Recording

MECHANISMS = Path(__file__).parent / "mechanisms"
MARGIN = 0.03  # share of a limited joint's range at each end where a trajectory is cut: a stop is no free motion


class Excitation(StrEnum):
    """How a mechanism is driven."""

    random = "random"  # from near rest, by controls held for a random time
    swingup = "swingup"  # from anywhere, by a random feedback that pumps or brakes, and noise
    balance = "balance"  # from near the mechanism's first keyframe, held there by a linear feedback, and noise


def load_mechanism(name: str) -> Any:
    """Return the MuJoCo model of a shipped mechanism, or of an MJCF file of slides, hinges and bounded motors.

    Raises: ValueError: not such a file; OSError: unreadable.
    """
    import mujoco  # type: ignore[import-untyped]

    path = MECHANISMS / f"{name}.xml"
    path = path if path.is_file() else Path(name)
    text = path.read_text(encoding="utf-8")
    try:
        model = mujoco.MjModel.from_xml_string(text)
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())[:200]}") from None
    plain = {mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE}
    if not model.nu or not model.nq or not set(model.jnt_type) <= {int(kind) for kind in plain}:
        raise ValueError(f"{path}: needs joints of type slide or hinge, and a control")
    if not model.actuator_ctrllimited.all():
        raise ValueError(f"{path}: every control needs a ctrlrange")
    return model


def about(model: Any, source: str) -> About:
    """Return what the mechanism's recordings are: slides are coordinates, hinges angles."""
    import mujoco

    slides = [i for i in range(model.nq) if model.jnt_type[i] == mujoco.mjtJoint.mjJNT_SLIDE]
    hinges = [i for i in range(model.nq) if i not in slides]
    units = ["m" if i in slides else "rad" for i in range(model.nq)]
    return About(model.opt.timestep, slides, hinges, [*units, *(f"{u}/s" for u in units), *["1"] * model.nu], source)


def simulate(model: Any, n_rows: int, excitation: Excitation, rng: np.random.Generator) -> Recording:
    """Return a trajectory of at most `n_rows` rows; it ends where a limited joint comes near its stop."""
    import mujoco

    if excitation is Excitation.balance and not model.nkey:
        raise ValueError("the mechanism has no keyframe about which to balance")
    data = mujoco.MjData(model)
    low, high = _room(model)
    start(model, data, excitation, rng)
    drive = _drive(model, n_rows, excitation, rng)
    rows = np.empty((n_rows, model.nq + model.nv + model.nu))
    count = 0
    while count < n_rows and (data.qpos >= low).all() and (data.qpos <= high).all():
        data.ctrl[:] = drive(count, data)
        rows[count] = np.concatenate([data.qpos, data.qvel, data.ctrl])
        mujoco.mj_step(model, data)
        count += 1
    time = np.arange(count) * model.opt.timestep
    return Recording(time, rows[:count], model.nq, model.nv, model.nu)


def start(model: Any, data: Any, excitation: Excitation, rng: np.random.Generator) -> None:
    """Set the first state: near rest, anywhere (every third time with angles near 0 or half a turn), or near a key."""
    if excitation is Excitation.balance:
        size = np.exp(rng.uniform(np.log(0.003), np.log(0.3)))
        data.qpos[:] = model.key_qpos[0] + size * rng.standard_normal(model.nq)
        data.qvel[:] = 3.0 * size * rng.standard_normal(model.nv)
        return
    low, high = _room(model)
    bounded = np.isfinite(low)
    middle = np.where(bounded, 0.5 * (np.where(bounded, low, 0.0) + np.where(bounded, high, 0.0)), 0.0)
    half = np.where(bounded, 0.5 * (np.where(bounded, high, 0.0) - np.where(bounded, low, 0.0)), np.pi)
    if excitation is Excitation.random:
        data.qpos[:] = middle + 0.05 * half * rng.standard_normal(model.nq)
        data.qvel[:] = 0.1 * rng.standard_normal(model.nv)
        return
    data.qpos[:] = middle + 0.8 * half * rng.uniform(-1.0, 1.0, model.nq)
    speed = np.where(bounded, 2.0, 6.0) * rng.uniform(0.0, 1.0)
    if rng.uniform() < 1 / 3:
        turned = np.pi * rng.integers(0, 2, model.nq) + 0.2 * rng.standard_normal(model.nq)
        data.qpos[:] = np.where(bounded, data.qpos, turned)
        speed = np.where(bounded, 1.0, 1.0)
    data.qvel[:] = speed * rng.standard_normal(model.nv)


def _drive(model: Any, n_rows: int, excitation: Excitation, rng: np.random.Generator) -> Any:
    """Return a function of (row, data) that gives the controls."""
    low, high = model.actuator_ctrlrange.T
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    noise = _held(n_rows, model.nu, model.opt.timestep, rng)
    if excitation is Excitation.random:
        return lambda row, data: middle + half * noise[row]
    if excitation is Excitation.balance:
        hold, share = _holding_gain(model), np.exp(rng.uniform(np.log(0.01), np.log(1.0)))

        def holding(row: int, data: Any) -> NDArray[np.float64]:
            off = np.concatenate([data.qpos - model.key_qpos[0], data.qvel])
            return np.asarray(np.clip(share * half * noise[row] - hold @ off, low, high))

        return holding
    gain = rng.standard_normal((model.nu, 3 * model.nq)) * rng.choice([0.0, 0.3, 1.0])
    share = rng.uniform(0.2, 1.0)

    def feedback(row: int, data: Any) -> NDArray[np.float64]:
        # Speeds as tanh, so that the feedback does not only saturate.
        seen = np.concatenate([np.sin(data.qpos), np.cos(data.qpos), np.tanh(0.3 * data.qvel[: model.nq])])
        return np.asarray(middle + half * np.clip(gain @ seen + share * noise[row], -1.0, 1.0))

    return feedback


def _holding_gain(model: Any) -> NDArray[np.float64]:
    """Return the gain (nu, nq + nv) of the linear-quadratic regulator about the first keyframe."""
    import mujoco
    from scipy.linalg import solve_discrete_are

    data = mujoco.MjData(model)
    data.qpos[:] = model.key_qpos[0]
    mujoco.mj_forward(model, data)
    n = 2 * model.nv
    a, b, r = np.zeros((n, n)), np.zeros((n, model.nu)), np.eye(model.nu)
    mujoco.mjd_transitionFD(model, data, 1e-6, True, a, b, None, None)
    value = solve_discrete_are(a, b, np.eye(n), r)
    return np.asarray(np.linalg.solve(r + b.T @ value @ b, b.T @ value @ a))


def _held(n_rows: int, n: int, dt_s: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return values (n_rows, n) from -1 to 1, each held for 0.02 to 0.5 s."""
    values = np.empty((n_rows, n))
    for i in range(n):
        row = 0
        while row < n_rows:
            last = row + max(1, round(np.exp(rng.uniform(np.log(0.02), np.log(0.5))) / dt_s))
            values[row:last, i] = rng.uniform(-1.0, 1.0)
            row = last
    return values


def _room(model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and highest positions (nq,) of a trajectory, infinite where a joint is not limited."""
    limited = model.jnt_limited.astype(bool)
    low, high = np.where(limited, model.jnt_range.T, [[-np.inf], [np.inf]])
    margin = np.where(limited, MARGIN * (model.jnt_range[:, 1] - model.jnt_range[:, 0]), 0.0)
    return low + margin, high - margin
