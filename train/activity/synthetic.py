"""Made-up people who move an arm: their pose and what a sensor on the wrist feels, consistent as on a body.

Each action is an angle of shoulder and elbow as a sum of two sines, which the action alone decides; a person brings
limb lengths, a tempo, a vigour and a way to wear the sensor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
G = 9.80665  # m/s^2
SIM_HZ = 300.0  # of the movement: sensor and camera are taken from it
SHOULDER = (0.0, -0.2, 1.45)  # of a standing person, mid-hip at (0, 0, 1) [m]
REST = -1  # instead of an action


@dataclass(frozen=True)
class Person:
    """How one person differs from others; `worn` (3, 3) turns the forearm's axes into the sensor's."""

    upper_m: float
    fore_m: float
    tempo: float
    vigour: float
    worn: Array

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Person:
        """Return a person drawn at random."""
        length, turn = rng.normal(1.0, 0.06), rng.normal(0.0, 0.15, 3)
        return cls(0.30 * length, 0.26 * length, rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.2), _rotation(turn))


def move(person: Person, action: int, seconds: float, rng: np.random.Generator) -> dict[str, Array]:
    """Return joints (n, 3, 3) of shoulder, elbow and wrist [m], acc (n, 3) [g] and gyro (n, 3) [deg/s] at SIM_HZ.

    z points up, x ahead. The sensor feels the wrist's true acceleration and the reaction to gravity.
    """
    t = np.arange(max(8, int(seconds * SIM_HZ))) / SIM_HZ
    size = 0.0 if action == REST else person.vigour
    style = np.random.default_rng(1000 + action)  # the same for everybody
    begin = rng.uniform(0.0, 2 * np.pi)

    def angle(rest: float, reach: float) -> Array:
        hz, ratio, shift = style.uniform(0.5, 1.5), style.integers(1, 4), style.uniform(0.0, 2 * np.pi)
        turn = 2 * np.pi * hz * person.tempo * t + begin
        sway = 0.03 * np.sin(2 * np.pi * 0.3 * t + rng.uniform(0.0, 2 * np.pi))
        first, second = style.uniform(0.4, 1.0) * reach, style.uniform(0.2, 0.5) * reach
        return rest + sway + size * (first * np.sin(turn) + second * np.sin(ratio * turn + shift))

    raised, swung, bent = angle(0.5, 0.5), angle(0.1, 0.6), np.clip(angle(0.9, 0.8), 0.05, 2.5)
    upper, fore = _direction(raised, swung), _direction(raised + bent, swung)
    shoulder = np.broadcast_to(np.array(SHOULDER), upper.shape)
    elbow = shoulder + person.upper_m * upper
    wrist = elbow + person.fore_m * fore
    side = np.stack([-np.sin(swung), np.cos(swung), np.zeros_like(t)], 1)
    axes = person.worn @ np.stack([fore, side, np.cross(fore, side)], 1)  # rows: the sensor's axes in the room
    felt = _rate(_rate(wrist)) / G + np.array([0.0, 0.0, 1.0])
    spin = _rate(axes) @ axes.transpose(0, 2, 1)  # of a rotation R by time: R' R^T is skew
    gyro = np.degrees(np.stack([spin[:, 1, 2], spin[:, 2, 0], spin[:, 0, 1]], 1))
    return {
        "joints": np.stack([shoulder, elbow, wrist], 1),
        "acc": np.einsum("nij,nj->ni", axes, felt),
        "gyro": gyro,
    }


def sampled(values: Array, rate_hz: float) -> Array:
    """Return values (n, ...) at SIM_HZ as a device with another clock gives them."""
    count = int((len(values) - 1) * rate_hz / SIM_HZ) + 1
    return values[np.rint(np.arange(count) * SIM_HZ / rate_hz).astype(np.int64)]


def _direction(raised: Array, swung: Array) -> Array:
    """Return unit vectors (n, 3): hanging down at 0, lifted by `raised`, turned aside by `swung` [rad]."""
    ahead = np.sin(raised)
    return np.stack([ahead * np.cos(swung), ahead * np.sin(swung), -np.cos(raised)], 1)


def _rate(values: Array) -> Array:
    return np.asarray(np.gradient(values, 1.0 / SIM_HZ, axis=0))


def _rotation(turn: Array) -> Array:
    """Return the rotation (3, 3) by a vector of angles [rad] (Rodrigues)."""
    angle = float(np.linalg.norm(turn))
    x, y, z = turn / max(angle, 1e-12)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)
