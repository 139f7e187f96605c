"""Two arms that took turns: what the blocks say of their difference."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.latency.histogram import PERCENTILES, Blocks
from learn_rt.benchmarks.latency.judge import Estimate, interval, resamples


def difference(ours: Blocks, baseline: Blocks, percentile: str) -> Estimate:
    """Return the median of the blocks' differences of a percentile [us] with its 95% interval."""
    return median(of_blocks(ours, percentile) - of_blocks(baseline, percentile))


def ratio(ours: Blocks, baseline: Blocks, percentile: str) -> Estimate:
    """Return the median of the blocks' ratios of a percentile with its 95% interval."""
    return median(of_blocks(ours, percentile) / of_blocks(baseline, percentile))


def of_blocks(blocks: Blocks, percentile: str) -> NDArray[np.float64]:
    """Return a percentile [us] of each block."""
    return blocks.percentile_us(PERCENTILES[percentile], np.eye(len(blocks.counts), dtype=np.int64))


def median(values: NDArray[np.float64]) -> Estimate:
    """Return the median of one value a block, its interval by drawing blocks with replacement."""
    draws = np.array([np.median(np.repeat(values, weights)) for weights in resamples(len(values))])
    return Estimate(float(np.median(values)), *interval(draws))
