"""Input shapers against their closed forms."""

import numpy as np
import pytest

from learn_rt.benchmarks.printing.linear_inverse import Axis
from learn_rt.benchmarks.printing.shapers import SHAPERS, Shaper, delayed, ei, mzv, zv

FINE_S = 1e-4


def residual(shaper: Shaper, frequency_hz: float, damping: float) -> float:
    """Return the vibration that the impulses leave, relative to one impulse (the phasor sum of Singer and Seering)."""
    w = 2 * np.pi * frequency_hz
    a, t = np.array(shaper.amplitudes), np.array(shaper.times_s)
    phasor = a * np.exp(damping * w * t + 1j * w * np.sqrt(1 - damping**2) * t)
    return float(abs(phasor.sum()) * np.exp(-damping * w * t[-1]))


@pytest.mark.parametrize("name", SHAPERS)
@pytest.mark.parametrize("damping", [0.0, 0.05, 0.142])
def test_impulses_sum_to_one_and_start_at_once(name: str, damping: float) -> None:
    shaper = SHAPERS[name](24.0, damping)
    assert sum(shaper.amplitudes) == pytest.approx(1.0, abs=1e-15)
    assert shaper.times_s[0] == 0.0
    assert list(shaper.times_s) == sorted(shaper.times_s)


def test_undamped_impulses_are_the_published_ones() -> None:
    assert zv(25.0, 0.0).amplitudes == pytest.approx((0.5, 0.5))
    assert zv(25.0, 0.0).times_s == pytest.approx((0.0, 0.02))
    assert mzv(25.0, 0.0).amplitudes == pytest.approx((1 - 0.5**0.5, 2**0.5 - 1, 1 - 0.5**0.5), rel=1e-12)
    assert mzv(25.0, 0.0).times_s == pytest.approx((0.0, 0.015, 0.03))
    assert ei(25.0, 0.0).amplitudes == pytest.approx((0.2625, 0.475, 0.2625))
    assert ei(25.0, 0.0).times_s == pytest.approx((0.0, 0.02, 0.04))


@pytest.mark.parametrize("make", [zv, mzv])
@pytest.mark.parametrize("damping", [0.0, 0.142])
def test_zero_vibration_shapers_leave_none(make, damping: float) -> None:
    if make is mzv and damping:
        # the published MZV scales by the decay, which cancels the vibration for any damping too
        assert residual(mzv(21.2, damping), 21.2, damping) < 1e-12
    assert residual(make(21.2, damping), 21.2, damping) < 1e-12


def test_ei_leaves_its_five_percent_and_forgives_a_wrong_frequency() -> None:
    assert residual(ei(50.0, 0.0), 50.0, 0.0) == pytest.approx(0.05, abs=1e-12)
    for off in (0.9, 1.1):
        assert residual(ei(50.0, 0.0), 50.0 * off, 0.0) < 0.06
        assert residual(zv(50.0, 0.0), 50.0 * off, 0.0) > 0.15


def test_zv_leaves_no_vibration_on_the_exact_plant() -> None:
    axis = Axis(0.35 / 8000.0, 15.0 / 8000.0)
    time = np.arange(8000) * FINE_S
    move = np.clip((time - 0.1) * 60.0, 0.0, 12.0)  # 60 mm/s for 0.2 s, from and to a standstill at once
    plain = axis.respond(move, FINE_S)
    shaped = axis.respond(zv(axis.frequency_hz, axis.damping).apply(move, FINE_S), FINE_S)
    after = time > 0.1 + 0.2 + 0.03
    assert np.abs(plain[after] - 12.0).max() > 0.1
    assert np.abs(shaped[after] - 12.0).max() < 1e-4


@pytest.mark.parametrize("name", SHAPERS)
def test_the_removed_delay_keeps_a_steady_line_in_time(name: str) -> None:
    command = 60.0 * np.arange(2000) * FINE_S
    shaped = SHAPERS[name](24.0, 0.14).apply(command, FINE_S)
    assert shaped[800:1200] == pytest.approx(command[800:1200], abs=1e-12)


def test_delayed_moves_by_fractions_both_ways() -> None:
    ramp = np.arange(10.0)
    assert delayed(ramp, 1.25)[3:] == pytest.approx(ramp[3:] - 1.25)
    assert delayed(ramp, -1.25)[:-3] == pytest.approx(ramp[:-3] + 1.25)
    assert delayed(ramp, 3.0)[0] == 0.0
    assert delayed(ramp, -3.0)[-1] == 9.0


@pytest.mark.parametrize(
    ("frequency", "damping"), [(0.0, 0.1), (-1.0, 0.1), (20.0, 1.0), (20.0, -0.1), (float("nan"), 0.1)]
)
def test_a_shaper_refuses_what_is_no_resonance(frequency: float, damping: float) -> None:
    with pytest.raises(ValueError, match="frequency above 0"):
        zv(frequency, damping)
