"""The gates with ONNX Runtime on an NVIDIA GPU; skipped with the reason where there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.judged import judged
from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.gate import Report


@pytest.mark.benchmark(group="latency on a GPU", timer=REPLAY)
def test_gpu_latency(benchmark: BenchmarkFixture, learn_gpu_gate: Callable[[], Report]) -> None:
    judged(benchmark, learn_gpu_gate)
