"""Where the two ends run: a server's settling must not land on the control loop's core."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Pinning:
    """The CPUs of the control loop and of the server; None: too few to keep them apart."""

    control: frozenset[int] | None
    server: frozenset[int] | None

    def __str__(self) -> str:
        if self.control is None or self.server is None:
            return "not pinned (one CPU)"
        return f"control loop on CPU {_ranges(self.control)}, server on {_ranges(self.server)}"


def apart() -> Pinning:
    """Return the upper half of this process's CPUs for the control loop, the lower half for the server."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        return Pinning(None, None)
    half = len(cpus) // 2
    return Pinning(frozenset(cpus[half:]), frozenset(cpus[:half]))


@contextmanager
def on(cpus: frozenset[int] | None) -> Iterator[None]:
    """Keep the calling thread, and those that it starts, on `cpus`."""
    if cpus is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _ranges(cpus: frozenset[int]) -> str:
    ordered = sorted(cpus)
    if len(ordered) > 1 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]}-{ordered[-1]}"
    return ",".join(map(str, ordered))
