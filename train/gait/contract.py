"""The spec of a pose net: its signals, the ranges of its parameters, and the envelope of a moving body."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.spec import Envelope, Kind, Normalization, Signal, Spec
from learn_rt.train.gait.parameters import Parameters
from learn_rt.train.gait.pose import FRAME_S, JOINTS, N_POSE, ROOT, names_and_units, orthonormal

PHASE = "phase"
MAX_PHASE = 2.0  # cycles: sine and cosine keep float32's precision; a loop keeps its phase below 1 anyhow


def pose_spec(
    parameters: Parameters,
    motions: NDArray[np.float32],
    dt_s: float,
    margin: float,
    provenance: dict[str, Any],
) -> Spec:
    """Return the spec.

    Args:
        motions: sequences (n, 60, 101): the nominal pose is their mean, and the envelope what they do, times `margin`.
        dt_s: time between two ticks [s].
        margin: of value, rate and second difference; 0: no envelope.
    """
    low, high = parameters.low, parameters.high
    width = high - low
    inputs = [
        # A width beyond the range is no body any more, but percent for shares, or degrees for radians.
        Signal(
            name,
            "1",
            range_valid=(float(low[i] - width[i]), float(high[i] + width[i])),
            range_trained=(float(low[i]), float(high[i])),
        )
        for i, name in enumerate(parameters.names)
    ]
    inputs.append(Signal(PHASE, "cycle", range_valid=(-MAX_PHASE, MAX_PHASE)))
    nominal = nominal_pose(motions)
    envelopes: list[Envelope | None] = [None] * N_POSE
    if margin:
        envelopes = list(_envelopes(motions, nominal, margin))
    outputs = [
        Signal(name, unit, nominal=float(nominal[i]), envelope=envelopes[i])
        for i, (name, unit) in enumerate(names_and_units())
    ]
    return Spec(
        name="gait",
        kind=Kind.POINTWISE,
        dt_s=dt_s,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        normalization=Normalization(inside_graph=True, mean=(*map(float, low), 0.0), std=(*map(float, width), 1.0)),
        provenance=provenance,
    )


def nominal_pose(motions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean pose (101,) with proper rotations: what a body does when nothing is known."""
    mean = motions.reshape(-1, N_POSE).mean(0, dtype=np.float64)
    for joint in JOINTS:
        if joint.axis is None:
            mean[joint.pose] = orthonormal(mean[None, joint.pose])[0, :2].ravel()
    return mean.astype(np.float32)


def _envelopes(motions: NDArray[np.float32], nominal: NDArray[np.float32], margin: float) -> list[Envelope]:
    moves = motions.astype(np.float64)
    value = np.maximum(np.abs(moves).max((0, 1)), np.abs(nominal))
    # A frame of a cycle of one second is FRAME_S long: faster gaits have the margin.
    rate = np.abs(np.diff(moves, axis=1)).max((0, 1)) / FRAME_S
    second = np.abs(np.diff(moves, 2, axis=1)).max((0, 1)) / FRAME_S**2
    # What hardly moved in the data may still move: by its own size in a second, and be as fast in two frames. A net's
    # answers are not as smooth as what it learned from.
    size = np.maximum(value, 0.5)
    size[ROOT] = np.maximum(value[ROOT], 0.2)
    rate = np.maximum(rate, size)
    second = np.maximum(second, rate / (2 * FRAME_S))
    return [Envelope(*(float(f"{margin * v:.4g}") for v in row)) for row in zip(size, rate, second, strict=True)]
