"""A pose's numbers, its rotations, and where they put the body's joints."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from learn_rt.train.gait.metrics import accuracy, weights
from learn_rt.train.gait.pose import (
    GROUPS,
    INDEX,
    JOINTS,
    N_DOF,
    N_POSE,
    from_rotation_vectors,
    names_and_units,
    orthonormal,
    rotation_matrices,
    rotations,
)
from learn_rt.train.gait.skeleton import BONES, POINT, POINTS, SOLE, points, skeleton, walked


def resting() -> np.ndarray:
    """Return the pose (1, 101) of a body that stands with its arms stretched out."""
    return from_rotation_vectors(np.zeros((1, N_DOF)))


def test_the_layout_is_that_of_recordings() -> None:
    """As others' tools read the 101 numbers: legs from 9 and 24, the spine from 39, arms from 63 and 82."""
    at = {joint.name: joint.pose for joint in JOINTS}
    assert at["Pelvis"] == slice(0, 6)
    assert (at["FemurR"], at["TibiaR"], at["TalusR"]) == (slice(9, 15), slice(15, 16), slice(16, 22))
    assert (at["FemurL"], at["TibiaL"], at["TalusL"]) == (slice(24, 30), slice(30, 31), slice(31, 37))
    assert (at["Spine"], at["Head"]) == (slice(39, 45), slice(57, 63))
    assert (at["ForeArmR"], at["ForeArmL"]) == (slice(75, 76), slice(94, 95))
    covered = sorted(i for joint in JOINTS for i in range(joint.pose.start, joint.pose.stop))
    assert covered == [i for i in range(N_POSE) if i not in (6, 7, 8)]
    assert sorted(i for part in GROUPS.values() for i in range(part.start, part.stop)) == list(range(N_POSE))
    names = [name for name, _ in names_and_units()]
    assert len(set(names)) == N_POSE
    assert names[6:9] == ["Pelvis.dx", "Pelvis.y", "Pelvis.dz"]
    assert names[15] == "TibiaR.angle"


def test_rotation_vectors_become_the_matrices_that_scipy_gives() -> None:
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    vectors[0] = 0.0
    vectors[1] = [1e-9, 0, 0]
    np.testing.assert_allclose(rotation_matrices(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)


def test_two_rows_of_any_length_and_angle_become_a_rotation() -> None:
    rows = np.random.default_rng(1).normal(size=(20, 6)) * 3.0
    made = orthonormal(rows)
    np.testing.assert_allclose(made @ made.transpose(0, 2, 1), np.broadcast_to(np.eye(3), made.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(made), 1.0, atol=1e-12)
    # the first keeps its direction, the second its side
    assert (np.sum(made[:, 0] * rows[:, :3], 1) > 0).all()
    assert (np.sum(made[:, 1] * rows[:, 3:], 1) > 0).all()


def test_joint_angles_come_back_out_of_a_pose() -> None:
    dof = np.random.default_rng(2).normal(0.0, 0.5, (8, N_DOF))
    turned = rotations(from_rotation_vectors(dof))
    for i, joint in enumerate(JOINTS):
        vector = dof[:, joint.dof] * np.array(joint.axis) if joint.axis else dof[:, joint.dof]
        np.testing.assert_allclose(turned[:, i], Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)


def test_a_body_at_rest_stands_on_the_ground_with_its_arms_out() -> None:
    place = points(resting(), skeleton(1.8))[0]
    assert abs(place[list(SOLE), 1]).max() < 0.01
    assert place[POINT["Crown"], 1] == pytest.approx(1.8, abs=0.08)
    assert place[POINT["FingersL"], 0] - place[POINT["FingersR"], 0] == pytest.approx(1.8, abs=0.2)
    mirrored = place[
        [POINT[name[:-1] + {"L": "R", "R": "L"}[name[-1]] if name[-1] in "LR" else name] for name in POINTS]
    ]
    np.testing.assert_allclose(mirrored * [-1, 1, 1], place, atol=1e-12)


def test_a_bent_knee_moves_the_foot_back_and_a_bent_elbow_the_hand_ahead() -> None:
    body, straight = skeleton(), resting()
    bent = straight.copy()
    bent[0, JOINTS[INDEX["TibiaR"]].pose] = np.pi / 2
    for side in "RL":
        bent[0, JOINTS[INDEX[f"ForeArm{side}"]].pose] = np.pi / 2
    before, after = points(straight, body)[0], points(bent, body)[0]
    shin = np.linalg.norm(before[POINT["TalusR"]] - before[POINT["TibiaR"]])
    np.testing.assert_allclose(after[POINT["TalusR"]] - after[POINT["TibiaR"]], [0, 0, -shin], atol=1e-12)
    np.testing.assert_allclose(after[POINT["TalusL"]], before[POINT["TalusL"]], atol=1e-12)
    for side in "RL":
        assert after[POINT[f"Hand{side}"], 2] - after[POINT[f"ForeArm{side}"], 2] > 0.2


def test_bones_keep_their_lengths_in_every_pose() -> None:
    body = skeleton(1.7, {"TibiaL": 0.9})
    poses = from_rotation_vectors(np.random.default_rng(3).normal(0.0, 0.4, (5, N_DOF)))
    place = points(poses, body)
    for a, b in BONES:
        length = np.linalg.norm(place[:, a] - place[:, b], axis=1)
        np.testing.assert_allclose(length, np.linalg.norm(body.offsets[b]), atol=1e-12)
    shins = [np.linalg.norm(body.offsets[INDEX[f"Talus{side}"]]) for side in "LR"]
    assert shins[0] == pytest.approx(0.9 * shins[1])


def test_steps_add_up_to_the_way() -> None:
    place = np.cumsum(np.full((10, 2), [0.01, 0.04]), 0)
    dof = np.zeros((10, N_DOF))
    dof[:, [3, 5]] = place
    np.testing.assert_allclose(walked(from_rotation_vectors(dof)), place - place[0], atol=1e-12)


def test_figures_are_what_they_are_called() -> None:
    rng = np.random.default_rng(4)
    dof = rng.normal(0.0, 0.3, (40, N_DOF))
    other = dof.copy()
    other[:, JOINTS[INDEX["TibiaR"]].dof] += np.radians(7.0)
    turn = Rotation.from_euler("y", 5.0, degrees=True)
    at = JOINTS[INDEX["Head"]].dof
    other[:, at] = (Rotation.from_rotvec(dof[:, at]) * turn).as_rotvec()
    poses, others = from_rotation_vectors(dof), from_rotation_vectors(other)
    weight = weights(2.0, 0.5)
    found = accuracy(others, poses, weight)
    square = np.square(others - poses)
    assert found["mse5"] == pytest.approx(5 * square.mean())
    assert found["weighted_mse5"] == pytest.approx(5 * (weight**2 * square).mean(), rel=1e-6)
    assert found["joint_angle_deg"]["TibiaR"] == pytest.approx(7.0, abs=1e-9)
    assert found["joint_angle_deg"]["Head"] == pytest.approx(5.0, abs=1e-9)
    assert found["joint_angle_deg"]["Neck"] == pytest.approx(0.0, abs=1e-6)
    assert found["outputs"]["right_leg"]["worst_angle_deg"] == pytest.approx(7.0, abs=1e-9)
    assert found["outputs"]["spine"]["angle_deg"] == pytest.approx(5.0 / 4, abs=1e-6)
    assert set(found["outputs"]["pelvis"]) == {"mse5", "weighted_mse5", "angle_deg", "worst_angle_deg"}


def test_the_loss_weighs_the_place_twice_and_head_and_arms_half() -> None:
    weight = weights(2.0, 0.5)
    assert (weight[6:9] == 2.0).all()
    assert (weight[57:] == 0.5).all()
    assert (np.delete(weight[:57], slice(6, 9)) == 1.0).all()
