"""The 101 numbers of a pose: which joint each belongs to, and how they become rotations.

Axes: x to the left, y up, z ahead. At rest the body stands with its arms stretched out to the sides, and every joint's
frame is the world's; so a joint's rotation in the world is its parent's times its own.

A pose holds, for each joint in order: a ball's rotation matrix by its first two rows (6), a hinge's angle [rad] (1).
After the pelvis' rotation comes its place (3): step to the left, height above rest [m], step ahead [m a frame of
1/30 s].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_POSE = 101
N_DOF = 56  # of the same pose by rotation vectors and hinge angles: what a physics engine keeps
FRAME_S = 1.0 / 30.0  # that the pelvis' steps are counted in
ROOT = slice(6, 9)
ARMS = slice(57, 101)  # what the loss takes for the arms: from the head on

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Joint:
    """One joint: `parent` is an index into JOINTS (-1: the world), `axis` that of a hinge (None: a ball).

    `pose` and `dof` are where its numbers are in the 101 and in the 56.
    """

    name: str
    parent: int
    axis: tuple[float, float, float] | None
    pose: slice
    dof: slice


X, Y, MINUS_Y = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, -1.0, 0.0)
_TREE: tuple[tuple[str, str, tuple[float, float, float] | None], ...] = (
    ("Pelvis", "", None),
    *(
        row
        for side in "RL"
        for row in (
            (f"Femur{side}", "Pelvis", None),
            (f"Tibia{side}", f"Femur{side}", X),
            (f"Talus{side}", f"Tibia{side}", None),
            (f"FootPinky{side}", f"Talus{side}", X),
            (f"FootThumb{side}", f"Talus{side}", X),
        )
    ),
    ("Spine", "Pelvis", None),
    ("Torso", "Spine", None),
    ("Neck", "Torso", None),
    ("Head", "Neck", None),
    *(
        row
        for side, axis in (("R", Y), ("L", MINUS_Y))
        for row in (
            (f"Shoulder{side}", "Torso", None),
            (f"Arm{side}", f"Shoulder{side}", None),
            (f"ForeArm{side}", f"Arm{side}", axis),
            (f"Hand{side}", f"ForeArm{side}", None),
        )
    ),
)


def _lay_out() -> tuple[Joint, ...]:
    names = [name for name, _, _ in _TREE]
    joints, pose, dof = [], 0, 0
    for name, parent, axis in _TREE:
        width, degrees = (1, 1) if axis else (6, 3)
        joints.append(
            Joint(
                name,
                names.index(parent) if parent else -1,
                axis,
                slice(pose, pose + width),
                slice(dof, dof + degrees),
            )
        )
        # The pelvis' place stands behind its rotation, in both.
        pose, dof = (pose + width + 3, dof + degrees + 3) if not parent else (pose + width, dof + degrees)
    assert (pose, dof) == (N_POSE, N_DOF)
    return tuple(joints)


JOINTS = _lay_out()
INDEX = {joint.name: i for i, joint in enumerate(JOINTS)}
GROUPS: dict[str, slice] = {
    "pelvis": slice(0, 9),
    "right_leg": slice(9, 24),
    "left_leg": slice(24, 39),
    "spine": slice(39, 63),
    "right_arm": slice(63, 82),
    "left_arm": slice(82, 101),
}
_PARTS = ("r11", "r12", "r13", "r21", "r22", "r23")  # of the rotation matrix: row, column


def names_and_units() -> list[tuple[str, str]]:
    """Return the name and the unit of each of the 101 numbers."""
    rows: list[tuple[str, str]] = []
    for joint in JOINTS:
        rows += [(f"{joint.name}.angle", "rad")] if joint.axis else [(f"{joint.name}.{part}", "1") for part in _PARTS]
        if joint.parent < 0:
            rows += [(f"{joint.name}.dx", "m/frame"), (f"{joint.name}.y", "m"), (f"{joint.name}.dz", "m/frame")]
    return rows


def from_rotation_vectors(positions: Array) -> Array:
    """Return poses (n, 101) of n consecutive frames of 1/30 s, by joint angles (n, 56).

    Args: positions: rotation vectors of balls [rad], angles of hinges [rad], the pelvis' place [m] in dof 3:6. The
        steps of the first frame are those of the second.
    """
    pose = np.empty((len(positions), N_POSE))
    for joint in JOINTS:
        values = positions[:, joint.dof]
        pose[:, joint.pose] = values if joint.axis else rotation_matrices(values)[:, :2].reshape(-1, 6)
    steps = np.diff(positions[:, 3:6], axis=0)
    pose[:, ROOT] = positions[:, 3:6]
    pose[1:, 6], pose[1:, 8] = steps[:, 0], steps[:, 2]
    pose[0, 6], pose[0, 8] = pose[min(1, len(pose) - 1), 6], pose[min(1, len(pose) - 1), 8]
    return pose


def rotation_matrices(vectors: Array) -> Array:
    """Return rotation matrices (n, 3, 3) of rotation vectors (n, 3) [rad], by Rodrigues' formula."""
    angle = np.linalg.norm(vectors, axis=1)[:, None, None]
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).reshape(-1, 3, 3)
    # sinc: both quotients are finite at no rotation.
    first, second = np.sinc(angle / np.pi), 0.5 * np.sinc(angle / (2 * np.pi)) ** 2
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross))


def rotations(pose: Array) -> Array:
    """Return each joint's rotation in its parent's frame (n, joints, 3, 3) of poses (n, 101).

    A ball's two rows need not be orthonormal: they are made so (Gram-Schmidt), the first keeping its direction.
    """
    turned = np.empty((len(pose), len(JOINTS), 3, 3))
    for i, joint in enumerate(JOINTS):
        values = pose[:, joint.pose]
        if joint.axis:
            turned[:, i] = rotation_matrices(values * np.array(joint.axis))
        else:
            turned[:, i] = orthonormal(values)
    return turned


def orthonormal(rows: Array) -> Array:
    """Return rotation matrices (n, 3, 3) whose first two rows are nearest in direction to rows (n, 6)."""
    first = rows[:, :3] / np.maximum(np.linalg.norm(rows[:, :3], axis=1, keepdims=True), 1e-12)
    second = rows[:, 3:] - first * np.sum(first * rows[:, 3:], axis=1, keepdims=True)
    second /= np.maximum(np.linalg.norm(second, axis=1, keepdims=True), 1e-12)
    return np.stack([first, second, np.cross(first, second)], 1)
