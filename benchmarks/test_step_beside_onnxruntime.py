"""Our step beside ONNX Runtime's: the same work, the same run, turn by turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from learn_rt.benchmarks.replay import REPLAY

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.baseline import Comparison


@pytest.mark.benchmark(group="step beside ONNX Runtime", timer=REPLAY)
def test_step_is_not_slower_than_onnxruntime(
    benchmark: BenchmarkFixture, learn_comparison: Callable[[], list[Comparison]]
) -> None:
    headline, *others = learn_comparison()
    benchmark.extra_info |= {"comparisons": [c.as_dict() for c in (headline, *others)]}
    REPLAY.show(benchmark, headline.ours.latency)
    assert headline.speedup.high >= 1.0, f"{headline.against} is faster: its p50 over ours is {headline.speedup}"
