"""The learned linear baseline: what it must find is known."""

import numpy as np
import pytest

from learn_rt.benchmarks.printing.linear_filter import LinearFilter, fit
from learn_rt.benchmarks.printing.linear_inverse import Axis

DT_S = 0.002
AXES = (Axis(0.35 / 8000.0, 15.0 / 8000.0), Axis(0.45 / 8000.0, 15.0 / 8000.0))


def path(seed: int, n: int = 3000) -> np.ndarray:
    """Return raw samples (n, 5) of a path whose speed jumps now and then, standing at both ends."""
    rng = np.random.default_rng(seed)
    v = np.repeat(rng.normal(0, 30, (n // 100, 2)), 100, 0)
    v[:100] = v[-100:] = 0.0
    p = 110 + np.cumsum(v, 0) * DT_S
    return np.concatenate([p, np.full((n, 1), 0.2), v], 1)


def inverse(samples: np.ndarray) -> np.ndarray:
    return np.stack([axis.offsets(samples[:, i], DT_S) for i, axis in enumerate(AXES)], 1)


def test_it_finds_the_linear_inverse_from_examples_of_it() -> None:
    found = fit([(path(s), inverse(path(s))) for s in range(4)], steps=24, preview=8)
    unseen = path(99)
    assert np.abs(inverse(unseen)).max() > 0.1
    assert np.abs(found.offsets(unseen) - inverse(unseen)).max() < 1e-5


def test_it_answers_for_the_tick_in_the_window_and_none_further() -> None:
    weights = np.zeros((10, 4, 2))
    weights[6, 0, 0] = 1.0  # preview 3: the tick itself is the fourth from the end
    picks = LinearFilter(weights.reshape(40, 2), 10, 3).offsets(path(1))
    assert np.array_equal(picks[:, 0], path(1)[:, 3])
    assert not picks[:, 1].any()


def test_it_is_exactly_zero_at_rest() -> None:
    rest = np.tile([[110.0, 90.0, 0.2, 0.0, 0.0]], (50, 1))
    random = LinearFilter(np.random.default_rng(0).normal(size=(40, 2)), 10, 3)
    assert not random.offsets(rest).any()


@pytest.mark.parametrize("preview", [0, 9])
def test_there_is_one_answer_a_tick_at_any_preview(preview: int) -> None:
    assert LinearFilter(np.zeros((40, 2)), 10, preview).offsets(path(2)).shape == (3000, 2)
