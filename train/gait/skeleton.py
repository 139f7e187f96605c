"""A body to hang a pose on: where the joints are, by forward kinematics.

Segments are shares of the body's height as in tables of anthropometry (after Drillis and Contini, 1966), for drawing
and for the synthetic corpus; nothing that is learned from recordings depends on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from learn_rt.train.gait.pose import INDEX, JOINTS, ROOT, rotations

Array = NDArray[np.float64]
HEIGHT_M = 1.70

# Share of the height: offset of each joint from its parent's, at rest (x left, y up, z ahead).
_MIDDLE: dict[str, tuple[float, float, float]] = {
    "Pelvis": (0.0, 0.545, 0.0),
    "Spine": (0.0, 0.055, -0.005),
    "Torso": (0.0, 0.070, 0.0),
    "Neck": (0.0, 0.170, 0.0),
    "Head": (0.0, 0.050, 0.008),
}
_LEFT: dict[str, tuple[float, float, float]] = {
    "Femur": (0.052, -0.015, 0.0),
    "Tibia": (0.0, -0.245, 0.0),
    "Talus": (0.0, -0.246, 0.0),
    "FootPinky": (0.018, -0.031, 0.055),
    "FootThumb": (-0.008, -0.031, 0.062),
    "Shoulder": (0.012, 0.145, 0.0),
    "Arm": (0.105, -0.002, 0.0),
    "ForeArm": (0.186, 0.0, 0.0),
    "Hand": (0.146, 0.0, 0.0),
}
# Points that are no joint: name, joint that carries it, offset.
_ENDS: tuple[tuple[str, str, tuple[float, float, float]], ...] = (
    ("Crown", "Head", (0.0, 0.125, 0.0)),
    ("HeelL", "TalusL", (0.0, -0.039, -0.035)),
    ("HeelR", "TalusR", (0.0, -0.039, -0.035)),
    ("ToeL", "FootThumbL", (0.0, -0.008, 0.040)),
    ("ToeR", "FootThumbR", (0.0, -0.008, 0.040)),
    ("LittleToeL", "FootPinkyL", (0.0, -0.008, 0.028)),
    ("LittleToeR", "FootPinkyR", (0.0, -0.008, 0.028)),
    ("FingersL", "HandL", (0.095, 0.0, 0.0)),
    ("FingersR", "HandR", (-0.095, 0.0, 0.0)),
)
POINTS: tuple[str, ...] = tuple(j.name for j in JOINTS) + tuple(name for name, _, _ in _ENDS)
POINT = {name: i for i, name in enumerate(POINTS)}
BONES: tuple[tuple[int, int], ...] = tuple(
    [(joint.parent, i) for i, joint in enumerate(JOINTS) if joint.parent >= 0]
    + [(INDEX[carrier], i) for i, (_, carrier, _) in enumerate(_ENDS, len(JOINTS))]
)
SOLE = tuple(POINT[name] for name in ("HeelR", "ToeR", "LittleToeR", "HeelL", "ToeL", "LittleToeL"))


@dataclass(frozen=True)
class Skeleton:
    """Offsets [m] of each joint from its parent and of each end from its joint: (points, 3), or (n, points, 3) of n.

    The pelvis' own is its place at rest: what a pose's height counts from.
    """

    offsets: Array


def skeleton(height_m: float = HEIGHT_M, scale: dict[str, float] | None = None) -> Skeleton:
    """Return the skeleton of a body; `scale` stretches segments: {"TibiaL": 0.95} shortens the left shin."""
    shares = [_share(joint.name) for joint in JOINTS] + [offset for _, _, offset in _ENDS]
    offsets = np.array(shares) * height_m
    for name, factor in (scale or {}).items():
        offsets[carried_by(name)] *= factor
    return Skeleton(offsets)


def carried_by(name: str) -> list[int]:
    """Return the points whose offset a joint's segment is."""
    carriers = [joint.parent for joint in JOINTS] + [INDEX[carrier] for _, carrier, _ in _ENDS]
    return [i for i, carrier in enumerate(carriers) if carrier == INDEX[name]]


def _share(name: str) -> tuple[float, float, float]:
    if name in _MIDDLE:
        return _MIDDLE[name]
    x, y, z = _LEFT[name[:-1]]
    return (x, y, z) if name.endswith("L") else (-x, y, z)


def points(pose: Array, body: Skeleton) -> Array:
    """Return where the points are (n, points, 3) [m] under poses (n, 101), relative to the pelvis' place on the ground.

    The pelvis stands over the origin, at its rest height and the pose's.
    """
    turned = rotations(pose)
    world = np.empty_like(turned)
    place = np.empty((len(pose), len(POINTS), 3))
    for i, joint in enumerate(JOINTS):
        if joint.parent < 0:
            world[:, i] = turned[:, i]
            place[:, i] = body.offsets[..., i, :]
            place[:, i, 1] += pose[:, ROOT.start + 1]
        else:
            world[:, i] = world[:, joint.parent] @ turned[:, i]
            place[:, i] = place[:, joint.parent] + _turn(world[:, joint.parent], body.offsets[..., i, :])
    for i, (_, carrier, _) in enumerate(_ENDS, len(JOINTS)):
        at = INDEX[carrier]
        place[:, i] = place[:, at] + _turn(world[:, at], body.offsets[..., i, :])
    return place


def _turn(rotation: Array, offset: Array) -> Array:
    """Return offsets (3,) or (n, 3) turned by rotations (n, 3, 3)."""
    return np.asarray((rotation @ offset[..., None])[..., 0])


def walked(pose: Array, dt_frames: float = 1.0) -> Array:
    """Return where the pelvis has come on the ground (n, 2) [m], left and ahead, from the poses' steps.

    Args: dt_frames: time between two poses in frames of 1/30 s.
    """
    way = np.cumsum(pose[:, [ROOT.start, ROOT.start + 2]], axis=0) * dt_frames
    return np.asarray(way - way[0])
