"""Signals of different rates meet on one grid; an input never knows its future; lags are found."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.train.table.lag import lags
from learn_rt.train.table.recording import Recording, Signal
from learn_rt.train.table.resample import Segment, on_grid

RNG = np.random.default_rng(2)


def recording(**signals: Signal) -> Recording:
    return Recording("r", signals, True)


def every(dt: float, n: int, start: float = 0.0) -> np.ndarray:
    return start + np.arange(n) * dt


def test_even_signals_of_one_rate_stay_as_they_are() -> None:
    t = every(0.002, 400) + 1.7e9 - 1.7e9
    a, b = RNG.normal(size=(2, 400))
    [segment] = on_grid(recording(a=Signal(t, a), b=Signal(t, b)), ["a"], ["b"], 0.002)
    np.testing.assert_array_equal(segment.x[:, 0], a)
    np.testing.assert_allclose(segment.y[:, 0], b, atol=1e-9)


def test_a_slow_input_keeps_its_last_value_and_a_slow_output_is_interpolated() -> None:
    fast, slow = every(0.01, 101), every(0.1, 11)
    made = recording(a=Signal(fast, fast), b=Signal(slow, slow), c=Signal(slow, slow**1))
    [segment] = on_grid(made, ["a", "b"], ["c"], 0.01)
    np.testing.assert_allclose(segment.x[:, 1], np.floor(segment.x[:, 0] * 10 + 1e-6) / 10, atol=1e-9)
    np.testing.assert_allclose(segment.y[:, 0], segment.x[:, 0], atol=1e-9)


def test_a_fast_input_is_averaged_over_the_tick_before() -> None:
    fast, slow = every(0.001, 1001), every(0.01, 101)
    [segment] = on_grid(recording(a=Signal(fast, fast), b=Signal(slow, slow)), ["a"], ["b"], 0.01)
    # of ten samples up to the tick the mean is 4.5 samples old
    np.testing.assert_allclose(segment.x[1:, 0], segment.y[1:, 0] - 0.0045, atol=1e-9)


def test_an_input_never_knows_its_future() -> None:
    t = np.sort(RNG.uniform(0, 10, 700))
    v = RNG.normal(size=700)
    grid = every(0.02, 500)
    y = Signal(grid, grid)
    [whole, *_] = on_grid(recording(a=Signal(t, v), y=y), ["a"], ["y"], 0.02, max_gap=50)
    for tick in (0.5, 3.3, 7.0):
        changed = np.where(t > tick + 1e-4, 99.0, v)
        [other, *_] = on_grid(recording(a=Signal(t, changed), y=y), ["a"], ["y"], 0.02, max_gap=50)
        known = whole.y[:, 0] <= tick
        np.testing.assert_array_equal(whole.x[known], other.x[known])
        assert not np.array_equal(whole.x, other.x)


def test_a_gap_ends_a_segment() -> None:
    t = np.concatenate([every(0.01, 100), every(0.01, 100, start=2.0)])
    v = RNG.normal(size=200)
    segments = on_grid(recording(a=Signal(t, v), b=Signal(t, v)), ["a"], ["b"], 0.01)
    assert [len(s.x) for s in segments] == [100, 100]
    np.testing.assert_allclose(np.concatenate([s.y[:, 0] for s in segments]), v, atol=1e-9)


def test_a_missing_value_is_left_out_or_bridged() -> None:
    t, v = every(0.01, 100), np.arange(100.0)
    v[50] = np.nan
    made = recording(a=Signal(t, np.arange(100.0)), b=Signal(t, v))
    dropped = on_grid(made, ["a"], ["b"], 0.01, max_gap=1.5)
    assert [len(s.x) for s in dropped] == [50, 49]
    assert all(np.array_equal(s.x, s.y) for s in dropped)
    [bridged] = on_grid(made, ["a"], ["b"], 0.01, max_gap=10)
    np.testing.assert_allclose(bridged.y, bridged.x, atol=1e-9)


def test_signals_that_never_meet_give_nothing() -> None:
    a, b = Signal(every(0.01, 10), np.zeros(10)), Signal(every(0.01, 10, start=5.0), np.zeros(10))
    assert on_grid(recording(a=a, b=b), ["a"], ["b"], 0.01) == []


@pytest.mark.parametrize("lag", [0, 1, 17, -5])
def test_the_lag_of_an_output_is_found(lag: int) -> None:
    noise = RNG.normal(size=(2, 5100)).cumsum(1)  # drifts, as real signals do
    x = noise[:, 50:5050]
    y = -0.5 * noise[0, 50 - lag : 5050 - lag] + 0.1 * RNG.normal(size=5000)
    pieces = [Segment("r", x[:, a:b].T, y[a:b, None]) for a, b in ((0, 2000), (2000, 5000))]
    [found] = lags(pieces, ["a", "b"], ["y"], 0.01, 40)
    assert (found.input, found.samples, found.seconds) == ("a", lag, pytest.approx(lag * 0.01))
    assert found.correlation < -0.9


def test_signals_that_have_nothing_in_common_have_no_lag() -> None:
    pieces = [Segment("r", RNG.normal(size=(20000, 1)), RNG.normal(size=(20000, 1)))]
    assert lags(pieces, ["a"], ["y"], 0.01, 40) == []
    assert lags([Segment("r", np.zeros((500, 1)), np.ones((500, 1)))], ["a"], ["y"], 0.01, 40) == []
