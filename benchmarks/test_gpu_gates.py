"""The gates with ONNX Runtime on an NVIDIA GPU; skipped with the reason where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.latency.streams import Unmeasurable
from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.gate import Report


@pytest.mark.benchmark(group="latency on a GPU", timer=REPLAY)
def test_gpu_latency(benchmark: BenchmarkFixture, learn_gpu_gate: Callable[[], Report]) -> None:
    try:
        report = learn_gpu_gate()
    except Unmeasurable as error:
        pytest.skip(f"not judged: {error}")
    benchmark.extra_info |= report.as_dict()
    REPLAY.show(benchmark, report.model.latency)
    if report.verdict == "not judged":
        pytest.skip(f"not judged: {report.reason} (raw: {report.model.latency.figures().as_dict()})")
    if report.verdict == "fail":
        pytest.fail(report.reason, pytrace=False)
