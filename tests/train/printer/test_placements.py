"""Stretches laid on the bed are the planned path, moved as a rigid body."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from learn_rt.train.printer import placements
from learn_rt.train.printer.placements import lay

DT = 0.002
BED = (220.0, 180.0)
Array = NDArray[np.float64]


def square(n: int = 3000) -> Array:
    """Return (n, 5): around a square of 20 mm at 50 mm/s, along the axes, so that one axis always stands."""
    side = 200  # ticks
    ways = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.float64)
    v = ways[np.arange(n) // side % 4] * 50.0
    place = np.concatenate([np.zeros((1, 2)), np.cumsum(v[:-1] * DT, 0)]) + 60.0
    return np.concatenate([place, np.full((n, 1), 0.2), v], 1)


def laid(seed: int = 0, count: int = 60) -> Array:
    return lay([square(), square(1200)], 400, count, np.random.default_rng(seed), BED, DT)


def test_the_seed_decides() -> None:
    np.testing.assert_array_equal(laid(3), laid(3))
    assert not np.array_equal(laid(3), laid(4))


def test_stretches_lie_on_the_bed_and_all_over_it() -> None:
    place = laid(count=300)[:, :, :2]
    assert place.min() >= 0
    assert (place.max((0, 1)) <= BED).all()
    assert (place.min((0, 1)) < 10).all()
    assert (place.max((0, 1)) > np.array(BED) - 10).all()


def test_distances_stay_and_velocity_is_the_change_of_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "SLOWEST", 1.0)
    monkeypatch.setattr(placements, "FASTEST", 1.0)
    paths = lay([square()], 400, 40, np.random.default_rng(0), BED, DT)
    step = np.diff(paths[:, :, :2], axis=1)
    np.testing.assert_allclose(np.hypot(*np.moveaxis(step, -1, 0)), 50.0 * DT, rtol=1e-9)
    np.testing.assert_allclose(step / DT, paths[:, :-1, 3:], atol=1e-9)


def test_other_speeds_keep_the_path_and_scale_the_velocity() -> None:
    paths = laid(count=200)
    speed = np.median(np.hypot(paths[..., 3], paths[..., 4]), axis=1)
    assert speed.min() >= 50 * placements.SLOWEST * 0.999
    assert speed.max() <= 50 * placements.FASTEST * 1.001
    assert speed.std() > 1
    for path in paths:
        step = np.diff(path[:, :2], axis=0) / DT
        middle = (path[1:, 3:] + path[:-1, 3:]) / 2
        # Only across a corner, where the speed jumps, is the mean of two ticks another one.
        assert np.quantile(np.abs(step - middle), 0.98) < 1e-6


def test_turned_by_right_angles_a_standing_axis_stands_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "RIGHT_ANGLES", 1.0)
    for path in laid(count=60):
        stands = path[:-1, 3:] == 0.0
        assert stands.any(1).mean() > 0.95
        moved = np.diff(path[:, :2], axis=0)
        assert (moved[stands & (path[1:, 3:] == 0.0)] == 0.0).all()


def test_a_path_too_short_to_cut_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least 522 ticks"):
        lay([square(521)], 400, 1, np.random.default_rng(0), BED, DT)
