"""The decision on synthetic latencies, where the truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.judge import DEFAULT_BUDGET_US, Verdict, judge, overall


def blocks(draw_us: np.ndarray) -> Blocks:
    """Blocks of durations (n_blocks, n) [us]; every microsecond its own bucket."""
    durations = draw_us.astype(np.int64) * 1000  # whole microseconds keep the distinct ones few
    edges = np.unique(durations)
    counts = np.stack([np.bincount(np.searchsorted(edges, d), minlength=len(edges)) for d in durations])
    return Blocks(edges, counts, durations.max(axis=1))


def latencies(median_us: float, spread: float = 0.1, seed: int = 0, n_blocks: int = 12, n: int = 200) -> Blocks:
    """Log-normal latencies of a machine that does not change."""
    return blocks(median_us * np.random.default_rng(seed).lognormal(0.0, spread, (n_blocks, n)))


CALM = latencies(60.0, seed=9)  # a sleeper that wakes about 60 us late


def test_a_model_well_inside_its_budget_passes() -> None:
    judgements = judge(latencies(200.0), latencies(150.0, seed=1), CALM, DEFAULT_BUDGET_US)
    assert [j.verdict for j in judgements] == [Verdict.PASS, Verdict.PASS]
    assert overall(judgements) is Verdict.PASS


def test_a_slow_model_fails_on_a_fit_machine() -> None:
    judgements = judge(latencies(1500.0), latencies(150.0, seed=1), CALM, DEFAULT_BUDGET_US)
    assert [j.verdict for j in judgements] == [Verdict.FAIL, Verdict.FAIL]
    assert "passes 1000" in judgements[0].reason


def test_a_tail_beyond_the_budget_fails_p99_alone() -> None:
    rng = np.random.default_rng(3)
    draw = 200.0 * rng.lognormal(0.0, 0.1, (12, 200))
    draw[:, ::40] = 3000.0  # every fortieth answer: above p50, below none of p99
    p50, p99 = judge(blocks(draw), latencies(150.0, seed=1), CALM, DEFAULT_BUDGET_US)
    assert (p50.verdict, p99.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert overall([p50, p99]) is Verdict.FAIL


@pytest.mark.parametrize("median_us", [200.0, 1500.0])
def test_a_machine_whose_sleeper_is_too_late_judges_nothing(median_us: float) -> None:
    judgements = judge(latencies(median_us), latencies(150.0, seed=1), latencies(1200.0, seed=2), DEFAULT_BUDGET_US)
    assert {j.verdict for j in judgements} == {Verdict.NOT_JUDGED}
    assert "sleeper" in judgements[0].reason


def test_a_loop_that_does_not_sleep_may_have_a_budget_shorter_than_a_wake_up() -> None:
    budget = {"p50": 20.0}
    (passed,) = judge(latencies(10.0), latencies(1.0, seed=1), CALM, budget, sleeper_us=2000.0)
    (failed,) = judge(latencies(30.0), latencies(1.0, seed=1), CALM, budget, sleeper_us=2000.0)
    (unfit,) = judge(latencies(10.0), latencies(1.0, seed=1), latencies(2500.0, seed=2), budget, sleeper_us=2000.0)
    assert (passed.verdict, failed.verdict, unfit.verdict) == (Verdict.PASS, Verdict.FAIL, Verdict.NOT_JUDGED)


@pytest.mark.parametrize("median_us", [200.0, 1500.0])
def test_a_machine_too_late_without_a_model_judges_nothing(median_us: float) -> None:
    judgements = judge(latencies(median_us), latencies(1100.0, seed=1), CALM, DEFAULT_BUDGET_US)
    assert {j.verdict for j in judgements} == {Verdict.NOT_JUDGED}
    assert "without a model" in judgements[0].reason


def test_an_interval_that_straddles_the_budget_is_not_judged() -> None:
    # The machine changes from block to block by more than the model is away from its budget.
    factor = np.random.default_rng(4).lognormal(0.0, 0.3, (12, 1))
    draw = 1000.0 * factor * np.random.default_rng(5).lognormal(0.0, 0.1, (12, 200))
    (p50,) = judge(blocks(draw), latencies(150.0, seed=1), CALM, {"p50": 1000.0})
    assert p50.model.low < 1000.0 < p50.model.high
    assert p50.verdict is Verdict.NOT_JUDGED
    assert "straddles" in p50.reason


def test_too_few_samples_are_not_judged_and_the_reason_says_how_many_it_takes() -> None:
    few = latencies(200.0, n=10)
    p50, p99 = judge(few, latencies(150.0, seed=1, n=10), CALM, DEFAULT_BUDGET_US)
    assert p50.verdict is Verdict.PASS
    assert p99.verdict is Verdict.NOT_JUDGED
    assert "1000 samples, got 120" in p99.reason


def test_an_unjudged_percentile_is_never_a_pass_and_never_hides_a_failure() -> None:
    p50, p99 = judge(latencies(200.0), latencies(150.0, seed=1), CALM, DEFAULT_BUDGET_US)
    unjudged = judge(latencies(200.0), latencies(1100.0, seed=1), CALM, {"p50": 1000.0})
    failed = judge(latencies(1500.0), latencies(150.0, seed=1), CALM, {"p50": 1000.0})
    assert overall([p50, p99, *unjudged]) is Verdict.NOT_JUDGED
    assert overall([p50, *unjudged, *failed]) is Verdict.FAIL


def test_the_interval_of_what_the_model_adds_holds_the_truth_though_the_machine_wanders() -> None:
    # Both arms of a pair see the same machine: the difference is known far better than either.
    wander = np.random.default_rng(6).lognormal(0.0, 0.5, (12, 1))
    empty = wander * 100.0 * np.random.default_rng(7).lognormal(0.0, 0.05, (12, 400))
    model = wander * 100.0 * np.random.default_rng(8).lognormal(0.0, 0.05, (12, 400)) + 40.0
    (p50,) = judge(blocks(model), blocks(empty), CALM, {"p50": 1000.0})
    assert p50.added.low < 40.0 < p50.added.high
    assert p50.added.high - p50.added.low < 0.5 * (p50.model.high - p50.model.low)


def test_the_bootstrap_covers_a_known_percentile_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        (p50,) = judge(latencies(500.0, seed=seed), latencies(150.0, seed=1), CALM, {"p50": 1000.0})
        hits += p50.model.low <= 500.0 <= p50.model.high
    assert hits >= 49  # 12 blocks undercover a little: 95% would be 57, and fewer than 49 has probability below 0.1%


def test_the_same_blocks_give_the_same_judgement() -> None:
    once, again = (judge(latencies(300.0), latencies(150.0, seed=1), CALM, DEFAULT_BUDGET_US) for _ in range(2))
    assert once == again


def test_unequal_blocks_and_unknown_percentiles_are_refused() -> None:
    with pytest.raises(ValueError, match="as many blocks of both"):
        judge(latencies(1.0, n_blocks=3), latencies(1.0), CALM, DEFAULT_BUDGET_US)
    with pytest.raises(ValueError, match="p95"):
        judge(latencies(1.0), latencies(1.0), CALM, {"p95": 1.0})
