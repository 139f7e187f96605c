"""The measure: distance to the planned path near that time."""

from itertools import pairwise

import numpy as np
import pytest

from learn_rt.benchmarks.printing.contour import Figures, Tally, contour_error

DT_S = 0.002


def figures(actual: list[np.ndarray], planned: list[np.ndarray], extruding: list[np.ndarray], dt_s: float) -> Figures:
    tally = Tally()
    for stretch in zip(actual, planned, extruding, strict=True):
        tally.add(*stretch, dt_s)
    return tally.figures()


def line(n: int = 500, speed: float = 60.0) -> np.ndarray:
    t = np.arange(n) * DT_S
    return np.stack([0.8 * speed * t, 0.6 * speed * t], 1)


def test_a_delayed_straight_line_costs_nothing_by_contour_and_its_delay_in_time() -> None:
    planned, delay_s = line(), 0.01
    actual = planned - 60.0 * delay_s * np.array([0.8, 0.6])
    inside = np.arange(len(planned)) >= 10
    got = figures([actual], [planned], [inside], DT_S)
    assert got.contour_rms_um < 1e-6
    assert got.contour_max_um < 1e-6
    assert got.rms_um == pytest.approx(60.0 * delay_s * 1e3)


def test_a_path_beside_the_line_costs_its_distance() -> None:
    planned = line()
    actual = planned + 0.05 * np.array([-0.6, 0.8])
    got = figures([actual], [planned], [np.ones(len(planned), bool)], DT_S)
    assert got.contour_rms_um == pytest.approx(50.0)
    assert got.contour_p99_um == pytest.approx(50.0)
    assert got.rms_um == pytest.approx(50.0)


def test_only_extruding_samples_count() -> None:
    planned = line()
    actual = planned.copy()
    actual[100:200] += np.array([-0.6, 0.8])
    extruding = np.ones(len(planned), bool)
    extruding[100:200] = False
    assert figures([actual], [planned], [extruding], DT_S).contour_max_um == pytest.approx(0.0, abs=1e-6)
    with pytest.raises(ValueError, match="nothing is extruded"):
        figures([actual], [planned], [np.zeros(len(planned), bool)], DT_S)


def test_only_the_path_near_that_time_counts() -> None:
    """A pass over the same place a second later is another wall, not this one."""
    there = line(500)
    planned = np.concatenate([there, there[::-1] + 0.2 * np.array([-0.6, 0.8])])
    actual = planned.copy()
    actual[100] = planned[999 - 100]
    assert contour_error(actual, planned, DT_S)[100] == pytest.approx(0.2)


def test_distances_agree_with_a_dense_search() -> None:
    rng = np.random.default_rng(3)
    planned = np.cumsum(rng.normal(size=(80, 2)) * 0.1, 0)
    actual = planned + rng.normal(size=(80, 2)) * 0.1
    got = contour_error(actual, planned, DT_S, near_s=0.02)
    fraction = np.linspace(0, 1, 2001)[:, None]
    for k in range(80):
        near = planned[max(0, k - 10) : k + 11]
        dense = np.concatenate([a + fraction * (b - a) for a, b in pairwise(near)])
        assert got[k] == pytest.approx(np.linalg.norm(dense - actual[k], axis=1).min(), abs=1e-4)


def test_a_rounded_corner_costs_what_it_cuts() -> None:
    corner = np.concatenate(
        [np.stack([np.linspace(0, 1, 51), np.zeros(51)], 1), np.stack([np.ones(50), np.linspace(0.02, 1, 50)], 1)]
    )
    actual = corner.copy()
    actual[50] = [0.9, 0.1]
    assert contour_error(actual, corner, DT_S)[50] == pytest.approx(0.1)


def test_stretches_are_pooled_by_their_samples() -> None:
    planned = line()
    aside = 0.03 * np.array([-0.6, 0.8])
    everywhere = np.ones(len(planned), bool)
    short = slice(0, 100)
    got = figures([planned[short] + aside, planned], [planned[short], planned], [everywhere[short], everywhere], DT_S)
    assert got.contour_rms_um == pytest.approx(30.0 * (100 / 600) ** 0.5)
