"""Recorded latencies for pytest-benchmark, so that its table and JSON hold real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from learn_rt.benchmarks.latency.histogram import Blocks

ROUNDS = 1000


class Replay:
    """A timer that tells recorded durations instead of the time."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        """Return the time so far [s]."""
        return self._now_s

    def show(self, benchmark: BenchmarkFixture, latency: Blocks) -> None:
        """Hand `benchmark`, whose timer this is, durations that stand evenly for all recorded ones."""
        durations_us = iter(latency.quantiles_us(ROUNDS))

        def answer() -> None:
            self._now_s += float(next(durations_us)) * 1e-6

        benchmark.pedantic(answer, rounds=ROUNDS)


REPLAY = Replay()
