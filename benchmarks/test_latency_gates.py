"""The latency gates, one test each: `pytest --benchmark-only`. What decides is written in docs/latency.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.latency.streams import Unmeasurable
from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.gate import Report


@pytest.mark.benchmark(group="latency", timer=REPLAY)
def test_latency(benchmark: BenchmarkFixture, learn_gate: Callable[[], Report]) -> None:
    try:
        report = learn_gate()
    except Unmeasurable as error:
        pytest.skip(f"not judged: {error}")
    benchmark.extra_info |= report.as_dict()
    REPLAY.show(benchmark, report.model.latency)
    if report.verdict == "not judged":
        pytest.skip(f"not judged: {report.reason} (raw: {report.model.latency.figures().as_dict()})")
    if report.verdict == "fail":
        pytest.fail(report.reason, pytrace=False)
