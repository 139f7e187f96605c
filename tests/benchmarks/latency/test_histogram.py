"""The figures: percentiles within the recorder's resolution, by ranks counted on the sorted durations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from learn_rt.benchmarks.latency.histogram import BITS, PERCENTILES, Blocks, highest_ns

_latency = pytest.importorskip("learn_rt._latency", reason="the timing loops are not built")


def record(durations_ns: np.ndarray) -> dict[str, object]:
    """Count durations as the recorder does, one by one."""
    buckets, counts = np.unique([_latency.bucket_of(int(d)) for d in durations_ns], return_counts=True)
    return {"buckets": buckets, "counts": counts, "max": int(durations_ns.max())}


def sorted_percentile(durations_ns: np.ndarray, q: float) -> float:
    """The definition: the smallest duration that a share q of all does not exceed [us]."""
    ordered = np.sort(durations_ns)
    return float(ordered[max(math.ceil(q * len(ordered)), 1) - 1]) / 1e3


@pytest.mark.parametrize("q", PERCENTILES.values())
@pytest.mark.parametrize("scale_ns", [300.0, 2e4, 3e6])
def test_a_percentile_is_the_sorted_one_within_a_thousandth(q: float, scale_ns: float) -> None:
    durations = np.random.default_rng(1).gamma(2.0, scale_ns, (4, 2500)).astype(np.int64)
    blocks = Blocks.read([record(block) for block in durations])
    exact = sorted_percentile(durations.ravel(), q)
    assert exact <= blocks.percentile_us(q)[0] <= exact * (1 + 2**-BITS) + 1e-9


def test_every_duration_counts_in_the_bucket_whose_edges_hold_it() -> None:
    rng = np.random.default_rng(2)
    durations = np.concatenate([np.arange(5000), (2 ** rng.uniform(0, 35.9, 5000)).astype(np.int64)])
    buckets = np.array([_latency.bucket_of(int(d)) for d in durations])
    assert np.all(highest_ns(buckets) >= durations)
    assert np.all(highest_ns(buckets[buckets > 0] - 1) < durations[buckets > 0])
    assert np.all(highest_ns(buckets) - durations <= durations / 2**BITS)


def test_a_duration_beyond_the_range_counts_in_the_last_bucket_and_the_maximum_stays_exact() -> None:
    hours_ns = 7200 * 10**9
    assert _latency.bucket_of(hours_ns) == _latency.BUCKETS - 1
    assert Blocks.read([record(np.array([1000, hours_ns]))]).figures().max == hours_ns / 1e3


def test_figures_have_the_one_schema_and_the_exact_maximum() -> None:
    durations = np.array([1_000] * 98 + [2_000_001, 5_000_003])
    figures = Blocks.read([record(durations)], missed=2).figures().as_dict()
    assert list(figures) == ["p50", "p99", "p999", "max", "n", "missed"]
    assert (figures["p50"], figures["max"], figures["n"], figures["missed"]) == (1.0, 5000.003, 100, 2)


def test_weights_count_a_block_as_often_as_drawn() -> None:
    fast, slow = np.full(100, 1_000), np.full(100, 9_000)
    blocks = Blocks.read([record(fast), record(slow)])
    p50 = blocks.percentile_us(0.5, np.array([[2, 0], [0, 2], [1, 1], [0, 0]][:3]))
    assert p50[0] == 1.0
    assert p50[1] == 9.0
    assert p50[2] == 1.0


def test_quantiles_stand_for_all_durations_the_largest_among_them() -> None:
    durations = np.arange(1, 2001)
    values = Blocks.read([record(durations)]).quantiles_us(100)
    np.testing.assert_allclose(values * 1e3, np.arange(20, 2001, 20))
