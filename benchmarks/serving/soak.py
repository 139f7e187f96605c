"""Eight streams at 1 kHz for half an hour: no error, no wrong answer, no memory that grows."""

from __future__ import annotations

import sys
import time
from typing import Any

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.measure import Measured
from learn_rt.benchmarks.serving.cpu import resident_mb
from learn_rt.benchmarks.serving.load import at_once
from learn_rt.benchmarks.serving.place import SAMPLE_S, Place
from learn_rt.benchmarks.serving.result import Result

N_STREAMS = 8
BLOCK_S = 15.0
SETTLED = 0.1  # of the run: until then caches and pools grow to their size
FLAT_MB = 5.0  # what memory may grow by after that


def soak(place: Place, seconds: float) -> Result:
    """Measure; the server's memory is read after each block."""
    from rich.progress import Progress

    from learn_rt._latency import Hiccup

    blocks: list[dict[str, Any]] = []
    failed: list[str] = []
    resident: list[float] = []
    with place.server() as served, Progress(disable=not sys.stderr.isatty()) as bar:
        with pinning.on(place.pinning.control):
            turns = [place.turn(place.client(served.addresses["unix"])) for _ in range(N_STREAMS)]
        task = bar.add_task("soak", total=seconds)
        start = time.monotonic()
        hiccup = Hiccup(round(1e9 * SAMPLE_S))
        with pinning.on(place.pinning.control):
            while (left := start + seconds - time.monotonic()) > 0 and not failed:
                recorded, failed = at_once(turns, max(0.1, min(left, BLOCK_S, seconds / 20)))
                blocks += recorded
                resident.append(resident_mb(served.pid))
                bar.update(task, completed=time.monotonic() - start)
        lateness = hiccup.stop()
    if not blocks:
        raise RuntimeError(f"soak: no stream lived through its first block: {failed[0]}")
    measured = Measured.read(blocks)
    steady = resident[int(SETTLED * len(resident)) :]
    grew = max(steady) - steady[0]
    return Result(
        case="soak",
        setting=f"{place.pinning}; {N_STREAMS} connections at 1 kHz for {time.monotonic() - start:.0f} s, Unix socket",
        ours_us=measured.latency.figures(),
        echo_us=None,
        difference_us=None,
        p99_ratio=None,
        hiccup_us=Blocks.read([lateness], lateness["missed"]).figures(),
        lost=len(failed),
        wrong=measured.wrong,
        compared=measured.compared,
        more={
            "ok": not failed and measured.wrong == 0 and grew <= FLAT_MB,
            "errors": len(failed),
            "resident_mb": {"first": steady[0], "last": steady[-1], "most": max(steady), "grew": grew},
        }
        | ({"failed": failed[:3]} if failed else {}),
    )
