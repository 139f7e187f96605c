"""How long one call of a written file takes in this process, batch 1: for the table, not a benchmark."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

WARM_UP = 50  # TorchScript's profiling executor is slow for up to 20 calls
CALLS = 500


def latency_us(call: Callable[[], object]) -> dict[str, float]:
    """Return {"p50", "p99", "p999", "max", "n", "missed"} of hot calls in a closed loop, microseconds."""
    for _ in range(WARM_UP):
        call()
    took = np.empty(CALLS)
    for i in range(CALLS):
        start = time.perf_counter_ns()
        call()
        took[i] = time.perf_counter_ns() - start
    p50, p99, p999 = (round(float(q), 2) for q in np.percentile(took / 1e3, [50, 99, 99.9]))
    return {"p50": p50, "p99": p99, "p999": p999, "max": round(float(took.max()) / 1e3, 2), "n": CALLS, "missed": 0}


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch run on one thread, as a server does: nets this small lose by sharing, and sums keep their order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
