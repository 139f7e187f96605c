"""The model-based baseline on the machine that it is the inverse of."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from learn_rt.benchmarks.printing.linear_inverse import Axis, identify

DT_S = 0.002
AXIS = Axis(0.35 / 8000.0, 15.0 / 8000.0)


def sway(n: int, dt_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the position and velocity of a smooth path that starts and ends standing."""
    t = np.arange(n) * dt_s
    w, end = 2 * np.pi * 3.0, n * dt_s
    swell, swell_v = np.sin(np.pi * t / end) ** 2, np.pi / end * np.sin(2 * np.pi * t / end)
    return 5 * swell * np.sin(w * t), 5 * (swell_v * np.sin(w * t) + swell * w * np.cos(w * t))


def test_frequency_and_damping_are_those_of_the_constants() -> None:
    assert AXIS.frequency_hz == pytest.approx(24.06, abs=0.005)
    assert AXIS.damping == pytest.approx(0.142, abs=0.0005)
    back = Axis.of(AXIS.frequency_hz, AXIS.damping)
    assert (back.m_over_k, back.c_over_k) == pytest.approx((AXIS.m_over_k, AXIS.c_over_k))


def test_the_response_is_the_solution_of_the_equation_of_motion() -> None:
    command, velocity = sway(500, DT_S)
    t = np.arange(500) * DT_S

    def motion(at: float, s: np.ndarray) -> list[float]:
        u, v = np.interp(at, t, command), np.interp(at, t, velocity)
        return [s[1], -(AXIS.c_over_k * (s[1] - v) + s[0] - u) / AXIS.m_over_k]

    exact = solve_ivp(motion, (0, t[-1]), [0.0, 0.0], t_eval=t, max_step=5e-4, rtol=1e-8, atol=1e-10).y[0]
    assert AXIS.respond(command, DT_S) == pytest.approx(exact, abs=2e-4)


@pytest.mark.parametrize("axis", [AXIS, Axis.of(60.0, 0.142), Axis.of(52.0, 0.02)])
def test_the_inverse_puts_the_linear_machine_on_its_path(axis: Axis) -> None:
    dt_s = 0.25 * DT_S  # at 2 ms the straight lines between commands alone cost 0.6 um here
    planned, _ = sway(4000, dt_s)
    before = np.abs(axis.respond(planned, dt_s) - planned).max()
    after = np.abs(axis.respond(planned + axis.offsets(planned, dt_s), dt_s) - planned).max()
    assert after < 0.004 * before


def test_the_inverse_is_exactly_zero_at_rest_and_at_constant_speed() -> None:
    assert not AXIS.offsets(np.full(100, 123.456), DT_S).any()
    ramp = 0.125 * np.arange(200)  # exact in binary
    assert not AXIS.offsets(ramp, DT_S)[50:-1].round(12).any()


def test_a_corner_between_two_ticks_counts_in_full() -> None:
    """The integral of the offset is m/k times the jump of the speed, wherever in the tick the jump is."""
    t = np.arange(200) * DT_S
    for corner_s in (0.2, 0.2005, 0.2013):
        for axis in (AXIS, Axis.of(60.0, 0.05), Axis.of(60.0, 0.02)):
            d = axis.offsets(10.0 * np.maximum(t - corner_s, 0.0), DT_S)[:-1]
            assert d.sum() * DT_S == pytest.approx(axis.m_over_k * 10.0, rel=1e-3)


def test_identification_finds_the_constants_of_the_machine() -> None:
    command, _ = sway(1000, DT_S)
    command = command + 0.5 * np.repeat(np.random.default_rng(1).normal(size=50), 20)
    found = identify(command, AXIS.respond(command, DT_S), DT_S, Axis.of(30.0, 0.05))
    assert (found.m_over_k, found.c_over_k) == pytest.approx((AXIS.m_over_k, AXIS.c_over_k), rel=1e-4)
