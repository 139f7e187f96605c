"""How near poses are to others: squared errors as the loss counts them, and angles as a person sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.gait.pose import ARMS, GROUPS, JOINTS, N_POSE, ROOT, rotations

SCALE = 5.0  # of the squared error in the loss, and in the figure that published work reports
CHUNK = 4096  # poses whose rotations are held at once


def weights(root: float, arms: float) -> NDArray[np.float32]:
    """Return the weight (101,) of each number's error: of the pelvis' place, of head and arms, and 1."""
    weight = np.ones(N_POSE, np.float32)
    weight[ROOT], weight[ARMS] = root, arms
    return weight


def accuracy(
    answers: NDArray[np.floating], targets: NDArray[np.floating], weight: NDArray[np.float32]
) -> dict[str, Any]:
    """Return the figures over all numbers, in `outputs` of each part of the body, and in `place` of the pelvis.

    mse5: 5 times the mean squared error; weighted_mse5: the same as the loss weighs it; angle_deg: mean angle between
    the rotations of a joint; worst_angle_deg: the joint's that is worst on average.

    Args: answers, targets: poses (n, 101). Raises: ValueError: no poses.
    """
    if not len(answers):
        raise ValueError("accuracy needs at least one pose")
    square = np.square(answers.astype(np.float64) - targets).mean(0)
    angle = joint_angles(answers, targets)
    outputs = {name: _figures(square, angle, weight, part) for name, part in GROUPS.items()}
    place = np.sqrt(square[ROOT]) * 1e3
    names = ("rmse_dx_mm", "rmse_y_mm", "rmse_dz_mm")
    joints = {joint.name: float(value) for joint, value in zip(JOINTS, angle, strict=True)}
    return {
        **_figures(square, angle, weight, slice(0, N_POSE)),
        "outputs": outputs,
        "place": dict(zip(names, map(float, place), strict=True)),
        "joint_angle_deg": joints,
    }


def _figures(
    square: NDArray[np.float64], angle: NDArray[np.float64], weight: NDArray[np.float32], part: slice
) -> dict[str, float]:
    joints = [i for i, joint in enumerate(JOINTS) if part.start <= joint.pose.start < part.stop]
    return {
        "mse5": float(SCALE * square[part].mean()),
        "weighted_mse5": float(SCALE * (square * weight**2)[part].mean()),
        "angle_deg": float(angle[joints].mean()),
        "worst_angle_deg": float(angle[joints].max()),
    }


def joint_angles(answers: NDArray[np.floating], targets: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean angle [degrees] (joints,) between each joint's rotations."""
    total = np.zeros(len(JOINTS))
    for start in range(0, len(answers), CHUNK):
        a, b = (rotations(np.asarray(p[start : start + CHUNK], np.float64)) for p in (answers, targets))
        # Of the angle's sine and cosine: the cosine alone cannot tell small angles from none.
        trace = np.einsum("njab,njab->nj", a, b)
        chord = np.sqrt(np.square(a - b).sum((2, 3)) / 8.0)
        total += np.degrees(2.0 * np.arctan2(chord, np.sqrt(np.maximum(0.0, (1.0 + trace) / 4.0)))).sum(0)
    return np.asarray(total / len(answers))
