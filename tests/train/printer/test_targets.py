"""Iterative learning of offsets, against closed forms and the plant itself."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.linalg import expm, solve_discrete_are

from learn_rt.train.printer.contract import limits_of
from learn_rt.train.printer.machine import load_machine
from learn_rt.train.printer.plant import LINEAR, NONLINEAR, Plant
from learn_rt.train.printer.targets import _riccati, _tick, between, learn_offsets

DT = 0.002
Array = NDArray[np.float64]


def zigzag(n: int = 2000, speed: float = 60.0, acceleration: float = 500.0) -> Array:
    """Return (1, n, 4): back and forth from rest to rest, faster in x than in y, with speeds as the plan has them."""
    ramp = speed / acceleration
    period = 4 * ramp
    t = np.arange(n) * DT - 0.1
    phase = t % period
    v = np.select(
        [phase < ramp, phase < 3 * ramp], [acceleration * phase, speed - acceleration * (phase - ramp)], default=0.0
    ) + np.where(phase >= 3 * ramp, -speed + acceleration * (phase - 3 * ramp), 0.0)
    v[t < 0] = 0.0
    x = np.concatenate([[0.0], np.cumsum((v[1:] + v[:-1]) / 2 * DT)])
    return np.stack([80 + x, 140 - 0.6 * x, v, -0.6 * v], 1)[None]


@pytest.mark.parametrize("name", ["ender3v2", "fast"])
def test_the_controllers_model_and_gains_are_those_of_scipy(name: str) -> None:
    axis = load_machine(name).x
    k = axis.stiffness_n_m * np.linspace(0.4, 1.6, 7)
    a, b = _tick(axis.mass_kg, k, axis.damping_ns_m, DT)
    q = np.diag([1.0, 0.0, 1e-4, 0.0])
    cost = _riccati(a, b, q, 2e-3)
    for i in range(len(k)):
        flow = np.zeros((4, 4))
        flow[0, 1] = flow[2, 3] = 1.0
        flow[1] = np.array([-k[i], -axis.damping_ns_m, k[i], axis.damping_ns_m]) / axis.mass_kg
        over = expm(flow * DT)
        # One tick with the offset going from 3 to 5 um, by the exponential and by the tick's own form.
        exact = over @ np.array([2.0, 10.0, 3.0, 2.0 / DT])
        ticked = a[i] @ np.array([2.0, 10.0 * DT, 3.0, 1.0]) + b[i] * 1.0
        np.testing.assert_allclose(ticked[:3] * [1, 1 / DT, 1], exact[:3], rtol=1e-10)
        np.testing.assert_allclose(cost[i], solve_discrete_are(a[i], b[i][:, None], q, [[2e-3]]), rtol=1e-8)


@pytest.mark.parametrize(("plant", "left"), [(LINEAR, 0.03), (NONLINEAR, 0.08)])
@pytest.mark.parametrize("name", ["ender3v2", "fast"])
def test_learning_leaves_a_small_part_of_the_error(name: str, plant: Plant, left: float) -> None:
    learned = learn_offsets(load_machine(name), plant, zigzag(), DT, effort=2e-3, rounds=4)
    assert learned.rms_um[0] > 1
    assert learned.rms_um[-1] < left * learned.rms_um[0]
    assert learned.rms_um[-1] <= learned.rms_um[1]


def test_learned_offsets_keep_to_the_envelope() -> None:
    machine = load_machine("ender3v2")
    offsets = learn_offsets(machine, NONLINEAR, zigzag(), DT, effort=2e-3, rounds=4).offsets
    envelope = limits_of(machine).envelope
    assert np.abs(offsets).max() < envelope.value
    assert np.abs(np.diff(offsets, axis=1)).max() / DT < envelope.rate
    assert np.abs(np.diff(offsets, 2, axis=1)).max() / DT**2 < envelope.second


def test_more_effort_gives_smoother_offsets() -> None:
    def roughness(effort: float) -> float:
        offsets = learn_offsets(load_machine("ender3v2"), LINEAR, zigzag(), DT, effort, 1).offsets
        return float(np.abs(np.diff(offsets, 2, axis=1)).max())

    assert roughness(1.0) < 0.7 * roughness(1e-3)


def test_learning_from_good_offsets_changes_them_little() -> None:
    machine = load_machine("ender3v2")
    first = learn_offsets(machine, LINEAR, zigzag(), DT, 2e-3, 3)
    again = learn_offsets(machine, LINEAR, zigzag(), DT, 2e-3, 2, first.offsets)
    assert again.rms_um[0] == pytest.approx(first.rms_um[-1])
    assert again.rms_um[-1] < first.rms_um[-1]
    assert np.abs(again.offsets - first.offsets)[:, 100:-60].max() < 0.1 * np.abs(first.offsets).max()


def test_between_ticks_a_constant_acceleration_is_exact() -> None:
    t = np.arange(50) * DT
    path = np.stack([10 + 3 * t + 250 * t**2, 20 - 40 * t, 3 + 500 * t, np.full(50, -40.0)], 1)[None]
    fine = between(path, DT, 4)[0]
    s = np.arange(len(fine)) * DT / 4
    np.testing.assert_allclose(fine, np.stack([10 + 3 * s + 250 * s**2, 20 - 40 * s], 1), atol=1e-12)
