"""Rollouts of a walker that nobody measured: plausible costs of transport over stride and cadence.

The metabolic power of a gait is the sum of what standing takes, of redirecting the body at each step (work of
collision, which rises with the fourth power of the step's length: Kuo, Donelan, Ruina 2005) and of swinging the legs
(rises with the third power of cadence). Divided by speed it has a minimum at a moderate stride and cadence, as measured
costs do. The factors are chosen for about 3 J/kg/m there; a weaker leg costs more, a longer one prefers longer strides.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from learn_rt.train.cost.rollouts import Rollout

COT = "metabolic/cot/MA/mean"
STAND_W_KG, COLLISION, SWING = 1.3, 1.05, 1.15
NOMINAL = {
    "gait_stride": 1.0,  # relative to the walker's usual one
    "gait_cadence": 1.0,
    "body_height": 1.0,
    "body_mass": 1.0,
    "leg_length_right": 1.0,
    "leg_length_left": 1.0,
    "strength_hip": 1.0,
    "strength_knee": 1.0,
    "strength_ankle": 1.0,
    "tightness_hip": 0.0,
    "tightness_knee": 0.0,
    "tightness_ankle": 0.0,
    "torsion_femur": 0.0,
}
RANGES = {
    "gait_stride": (0.6, 1.4),
    "gait_cadence": (0.6, 1.4),
    "leg_length_right": (0.9, 1.1),
    "leg_length_left": (0.9, 1.1),
    "strength_ankle": (0.4, 1.0),
}
STRIDE_M, CADENCE_HZ = 1.36, 0.94  # a stride is two steps


def cost(state: dict[str, float]) -> float:
    """Return the cost of transport [J/kg/m] of a walker."""
    leg = 0.5 * (state["leg_length_right"] + state["leg_length_left"])
    stride_m, cadence_hz = STRIDE_M * state["gait_stride"], CADENCE_HZ * state["gait_cadence"]
    weakness = 1.0 + 0.5 * (1.0 - state["strength_ankle"]) + 4.0 * (state["leg_length_right"] / leg - 1.0) ** 2
    collision = COLLISION * weakness * (stride_m / leg) ** 4 * cadence_hz**3 / STRIDE_M**2
    swing = SWING * leg * stride_m / STRIDE_M * cadence_hz**3
    return float((STAND_W_KG + collision + swing) / (stride_m * cadence_hz))


def simulate(count: int, seed: int, vary: tuple[str, ...], noise: float, failures: float) -> Iterator[Rollout]:
    """Yield rollouts with the parameters `vary` drawn from their ranges and all others nominal.

    Args: noise: of the cost, as a share of it (standard deviation); failures: share of rollouts that fall.
    Raises: ValueError: a parameter that has no range.
    """
    if unknown := sorted(set(vary) - set(RANGES)):
        raise ValueError(f"{', '.join(unknown)} cannot be varied; can: {', '.join(RANGES)}")
    rng = np.random.default_rng(seed)
    for i in range(count):
        state = NOMINAL | {name: float(rng.uniform(*RANGES[name])) for name in vary}
        mean, wobble = cost(state) * (1.0 + noise * rng.standard_normal()), abs(noise * rng.standard_normal())
        falls = bool(rng.random() < failures)
        measured = {} if falls else {COT: mean, "metabolic/cot/MA/std": wobble * mean}
        yield Rollout(f"param_{i}", "", state, {"success": not falls, **measured})
