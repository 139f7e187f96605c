"""The noise of recorded states, told from their motion."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.train.dynamics.noise import noise_floor

T = np.arange(4000) * 0.01
MOTION = np.stack([np.sin(3.0 * T), 2.0 * np.cos(5.0 * T)], axis=1)


def test_the_noise_on_a_smooth_motion_is_found_in_units_of_the_spread() -> None:
    noise = np.random.default_rng(0).normal(size=MOTION.shape) * [0.01, 0.06]
    # (0.01 / 1)^2 and (0.06 / 2)^2
    assert noise_floor(MOTION + noise, np.array([1.0, 2.0])) == pytest.approx((0.01**2 + 0.03**2) / 2, rel=0.1)


def test_a_motion_without_noise_has_next_to_none() -> None:
    assert noise_floor(MOTION, np.ones(2)) < 1e-6
