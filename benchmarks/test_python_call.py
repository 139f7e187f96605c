"""A step from Python costs at most a microsecond above one from C++."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.bench import Bench


@pytest.mark.benchmark(group="step from Python beside C++", timer=REPLAY)
def test_a_step_from_python_costs_at_most_a_microsecond_more(benchmark: BenchmarkFixture, learn_bench: Bench) -> None:
    from learn_rt.benchmarks.latency.python_call import BUDGET_US, measure

    quickest, *others = measure(learn_bench, learn_bench.names[0])
    benchmark.extra_info |= {"calls": [each.as_dict() for each in (quickest, *others)]}
    REPLAY.show(benchmark, quickest.python)
    if quickest.added.low <= BUDGET_US < quickest.added.high:
        pytest.skip(f"too noisy to tell: a step from Python costs {quickest.added} us more")
    assert quickest.added.high <= BUDGET_US, f"a step from Python costs {quickest.added} us more than from C++"
