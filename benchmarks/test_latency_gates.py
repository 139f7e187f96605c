"""The latency gates, one test each: `pytest --benchmark-only`. What decides is written in docs/latency.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.judged import judged
from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.gate import Report


@pytest.mark.benchmark(group="latency", timer=REPLAY)
def test_latency(benchmark: BenchmarkFixture, learn_gate: Callable[[], Report]) -> None:
    judged(benchmark, learn_gate)
