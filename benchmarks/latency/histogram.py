"""Histograms of several blocks of one measurement, read back from the C++ recorder, and the figures made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BITS = 10  # of the recorder (histogram.h): 2^BITS buckets to each power of two, so within 0.1 %
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True)
class Figures:
    """The one schema of a latency, in microseconds; `n` answers, of which `missed` came after the control period."""

    p50: float
    p99: float
    p999: float
    max: float
    n: int
    missed: int

    def as_dict(self) -> dict[str, float | int]:
        """Return the schema as it stands in JSON."""
        return asdict(self)


def highest_ns(buckets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the largest duration [ns] that counts in each bucket."""
    shift = np.maximum((buckets >> BITS) - 1, 0)
    return ((buckets - (shift << BITS) + 1) << shift) - 1


@dataclass(frozen=True)
class Blocks:
    """One measurement in blocks: `counts` (n_blocks, k) of durations up to `edges` (k,) [ns]; `maxima` are exact."""

    edges: NDArray[np.int64]
    counts: NDArray[np.int64]
    maxima: NDArray[np.int64]
    missed: int = 0

    @classmethod
    def read(cls, histograms: Sequence[Mapping[str, Any]], missed: int = 0) -> Blocks:
        """Gather what the recorder returned for each block: {"buckets", "counts", "max"}."""
        buckets = np.unique(np.concatenate([h["buckets"] for h in histograms]))
        counts = np.zeros((len(histograms), len(buckets)), np.int64)
        for row, histogram in zip(counts, histograms, strict=True):
            row[np.searchsorted(buckets, histogram["buckets"])] = histogram["counts"]
        return cls(highest_ns(buckets), counts, np.array([h["max"] for h in histograms], np.int64), missed)

    @property
    def n(self) -> int:
        """Durations recorded, in all blocks."""
        return int(self.counts.sum())

    def percentile_us(self, q: float, weights: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Return the smallest duration [us] that a share `q` of all durations does not exceed.

        Args: weights: (m, n_blocks), how often each block counts; by default each once.
        Returns: (m,) float64, (1,) by default.
        """
        if weights is None:
            weights = np.ones((1, len(self.counts)), np.int64)
        cumulated = np.cumsum(weights @ self.counts, axis=1)
        rank = np.maximum(np.ceil(q * cumulated[:, -1:]), 1)
        edge = self.edges[np.argmax(cumulated >= rank, axis=1)]
        # A bucket's edge can lie above the largest duration of its blocks, which is known exactly.
        largest = np.where(weights > 0, self.maxima, 0).max(axis=1)
        return np.minimum(edge, largest) / 1e3

    def figures(self) -> Figures:
        """Return the raw figures of all blocks together."""
        p50, p99, p999 = (round(float(self.percentile_us(q)[0]), 3) for q in PERCENTILES.values())
        return Figures(p50, p99, p999, int(self.maxima.max()) / 1e3, self.n, self.missed)

    def less(self, ns: int) -> Blocks:
        """Return the same durations, each less `ns`; what was shorter becomes 0."""
        return Blocks(np.maximum(self.edges - ns, 0), self.counts, np.maximum(self.maxima - ns, 0), self.missed)

    def quantiles_us(self, n: int) -> NDArray[np.float64]:
        """Return `n` durations [us] that stand evenly for all of them, the largest among them."""
        merged = np.cumsum(self.counts.sum(axis=0))
        ranks = np.ceil(np.linspace(0, merged[-1], n + 1)[1:])
        edges: NDArray[np.int64] = self.edges[np.searchsorted(merged, ranks)]
        return np.minimum(edges, self.maxima.max()) / 1e3
