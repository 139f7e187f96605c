"""How well the best of all predictors could do: what the sensors' noise alone leaves of an error."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF, DEGREE = 2, 2  # a parabola through five samples: shorter than any motion, so that what it leaves is noise


def noise_floor(states: NDArray[np.float64], std: NDArray[np.float64]) -> float:
    """Return the mean squared noise of standardised states (n, S), as white noise beside a smooth motion.

    Each sample's distance from a parabola through it and its neighbours, two before and two after, for the share of the
    noise that the fit itself takes up. Noise that is alike from sample to sample counts as motion, so this is a lower
    bound; a predictor does not see the samples after.
    """
    at = np.arange(-HALF, HALF + 1)
    basis = np.vander(at, DEGREE + 1)
    weights = (basis @ np.linalg.pinv(basis))[HALF]
    around = np.lib.stride_tricks.sliding_window_view(states / std, len(at), axis=0)
    left = around[..., HALF] - around @ weights
    return float((left**2).mean() / (1.0 - weights[HALF]))
