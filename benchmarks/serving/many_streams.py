"""Many streams at 1 kHz, client and server on two cores, beside as many to an echo that works as long."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.measure import CLOSED, Measured, in_turn
from learn_rt.benchmarks.serving.compare import difference, median, ratio
from learn_rt.benchmarks.serving.cpu import cpu_seconds
from learn_rt.benchmarks.serving.load import at_once
from learn_rt.benchmarks.serving.place import SAMPLE_S, Place
from learn_rt.benchmarks.serving.result import Result


def many_streams(place: Place, seconds: float, n: int, pairs: int) -> Result:
    """Measure `n` streams: the share of answers later than a period beside the echo's, block by block."""
    from learn_rt._latency import EchoArm, Hiccup, SessionArm, Turn

    control = place.pinning.control
    alone, _ = in_turn([place.turn(SessionArm(place.version_folder, "auto"))], CLOSED, 1.0, SAMPLE_S, control)
    works_s = 1e-6 * (alone[0].settle.figures().p50 + alone[0].latency.figures().p50)
    blocks: dict[str, list[list[dict[str, Any]]]] = {"ours": [], "echo": []}
    cpu_s = {name: np.zeros(2) for name in blocks}  # of the client's process and of the server's
    lost: list[str] = []
    with place.server() as served, place.echo("unix", works_s) as echo:
        with pinning.on(control):
            ours = [place.turn(place.client(served.addresses["unix"])) for _ in range(n)]
            bare = [Turn(EchoArm(echo.target, *place.sizes), place.stream.samples) for _ in range(n)]
        hiccup = Hiccup(round(1e9 * SAMPLE_S))  # on any CPU: the streams' own load is not the machine's
        with pinning.on(control):
            for _ in range(pairs):
                for name, turns, pid in (("ours", ours, served.pid), ("echo", bare, echo.pid)):
                    before = _cpu(pid)
                    recorded, failed = at_once(turns, seconds / (2 * pairs))
                    cpu_s[name] += _cpu(pid) - before
                    blocks[name].append(recorded)
                    lost += failed
        lateness = hiccup.stop()
    measured = {name: Measured.read([b for block in of for b in block]) for name, of in blocks.items()}
    shares = {name: [_late_share(block) for block in of] for name, of in blocks.items()}
    by_block = {name: Blocks.read([merged(block) for block in of]) for name, of in blocks.items()}
    points = median(np.subtract(shares["ours"], shares["echo"]))
    return Result(
        case=f"streams-{n}x1khz",
        setting=f"{place.pinning}; {n} connections, phases spread; the echo works {1e6 * works_s:.0f} us a sample",
        ours_us=measured["ours"].latency.figures(),
        echo_us=measured["echo"].latency.figures(),
        difference_us=difference(by_block["ours"], by_block["echo"], "p50"),
        p99_ratio=ratio(by_block["ours"], by_block["echo"], "p99"),
        hiccup_us=Blocks.read([lateness], lateness["missed"]).figures(),
        lost=len(lost),
        wrong=measured["ours"].wrong,
        compared=measured["ours"].compared,
        more={
            "later_than_1ms_points": asdict(points),
            "later_than_1ms_percent": {name: float(np.median(of)) for name, of in shares.items()},
            "cpu_us_per_answer": {
                name: dict(zip(("client", "server"), 1e6 * cpu_s[name] / measured[name].latency.n, strict=True))
                for name in blocks
            },
        }
        | ({"failed": lost[:3]} if lost else {}),
    )


def _cpu(server: int) -> NDArray[np.float64]:
    """Return the processor time [s] of this process, the clients, and of the server's."""
    return np.array([cpu_seconds(os.getpid()), cpu_seconds(server)])


def _late_share(block: list[dict[str, Any]]) -> float:
    """Return the share of late answers [%] of all streams' blocks of one turn."""
    return 100.0 * sum(b["missed"] for b in block) / sum(int(b["latency"]["counts"].sum()) for b in block)


def merged(block: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one histogram of all streams' blocks of one turn."""
    together = Blocks.read([b["latency"] for b in block])
    buckets = sorted({int(k) for b in block for k in b["latency"]["buckets"]})
    return {"buckets": buckets, "counts": together.counts.sum(axis=0), "max": int(together.maxima.max())}
