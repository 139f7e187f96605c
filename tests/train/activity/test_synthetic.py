"""The made-up body obeys mechanics: what its sensor feels follows from where its wrist goes."""

import numpy as np
import pytest

from learn_rt.train.activity.synthetic import REST, SIM_HZ, G, Person, move


def person() -> Person:
    return Person.drawn(np.random.default_rng(3))


def test_limbs_keep_their_length() -> None:
    joints = move(person(), 2, 2.0, np.random.default_rng(0))["joints"]
    assert np.linalg.norm(joints[:, 1] - joints[:, 0], axis=1) == pytest.approx(person().upper_m)
    assert np.linalg.norm(joints[:, 2] - joints[:, 1], axis=1) == pytest.approx(person().fore_m)


def test_the_sensor_feels_acceleration_and_gravity() -> None:
    made = move(person(), 5, 2.0, np.random.default_rng(0))
    wrist = made["joints"][:, 2]
    true = (wrist[2:] - 2 * wrist[1:-1] + wrist[:-2]) * SIM_HZ**2 / G + [0.0, 0.0, 1.0]
    felt = np.linalg.norm(made["acc"][1:-1], axis=1)
    assert felt[5:-5] == pytest.approx(np.linalg.norm(true, axis=1)[5:-5], abs=0.05)
    assert felt.std() > 0.1


def test_the_gyroscope_turns_gravity_as_the_sensor_sees_it() -> None:
    made = move(person(), REST, 2.0, np.random.default_rng(0))
    gravity, rate = made["acc"], np.radians(made["gyro"])
    change = np.gradient(gravity, 1 / SIM_HZ, axis=0)
    # A vector fixed in the room turns against the body: g' = -w x g. At rest only gravity is felt.
    assert change[10:-10] == pytest.approx(-np.cross(rate, gravity)[10:-10], abs=0.02)
    assert np.linalg.norm(gravity, axis=1) == pytest.approx(1.0, abs=0.05)


def test_an_action_is_the_same_for_everybody_and_another_is_another() -> None:
    def spectrum(seed: int, action: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        joints = move(person(), action, 8.0, rng)["joints"][:, 2]
        return np.abs(np.fft.rfft(joints - joints.mean(0), axis=0))[:60]

    one, again, other = spectrum(1, 4), spectrum(2, 4), spectrum(1, 7)
    assert np.linalg.norm(one - again) < 0.5 * np.linalg.norm(one - other)
