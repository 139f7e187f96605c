"""What a gate's test does with its report: its figures go where pytest-benchmark shows them, its verdict decides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.latency.streams import Unmeasurable
from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.gate import Report


def judged(benchmark: BenchmarkFixture, measure: Callable[[], Report]) -> None:
    """Pass, fail, or skip what could not be judged, with the reason."""
    try:
        report = measure()
    except Unmeasurable as error:
        pytest.skip(f"not judged: {error}")
    benchmark.extra_info |= report.as_dict()
    REPLAY.show(benchmark, report.model.latency)
    if report.verdict == "not judged":
        pytest.skip(f"not judged: {report.reason} (raw: {report.model.latency.figures().as_dict()})")
    if report.verdict == "fail":
        pytest.fail(report.reason, pytrace=False)
