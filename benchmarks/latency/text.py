"""Words and figures that the tables share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = {"p50": "p50", "p99": "p99", "p999": "p99.9", "max": "max", "n": "n", "missed": "missed"}
TRANSPORTS = ("inproc", "shm", "unix", "grpc")
OVER = {"inproc": "in process", "shm": "shared memory", "unix": "Unix socket", "grpc": "TCP", "cuda": "GPU"}
STAGES = {
    "late": "tick",
    "queue": "queue",
    "wire": "wire",
    "compute": "compute",
    "wake_up": "answer",
    "settle": "settling",
}
STAGES_NOTE = (
    "tick: waking for it. queue: in the client. wire: gRPC both ways and the server's waking. "
    "answer: waking for it. settling: once the answer is out, not part of the latency"
)
ARMS_NOTE = "empty: the same path without a model, in turn. machine: how late a sleeping thread woke meanwhile"


def number(value: float) -> str:
    """Return a count as it is, from 100,000 on in thousands, and what was measured with three figures."""
    if isinstance(value, int):
        return str(value) if value < 100_000 else f"{value / 1000:.0f}k"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def pair(figures: Mapping[str, Any]) -> str:
    """Return p50/p99 [us]."""
    return f"{number(figures['p50'])}/{number(figures['p99'])}"


def estimate(value: Mapping[str, float]) -> str:
    """Return a value with its 95% interval."""
    return f"{number(value['value'])} [{number(value['low'])}, {number(value['high'])}]"
