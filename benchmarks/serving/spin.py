"""Ends that poll and never sleep: the spinning front end on a Unix socket, and shared memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from learn_rt.benchmarks.latency import pinning
from learn_rt.benchmarks.latency.measure import SPUN
from learn_rt.benchmarks.serving.case import Case, beside_echo, calls, measure
from learn_rt.benchmarks.serving.compare import ratio
from learn_rt.benchmarks.serving.cpu import cpu_share
from learn_rt.benchmarks.serving.place import Place
from learn_rt.benchmarks.serving.result import Result

if TYPE_CHECKING:
    from learn_rt._latency import Turn


class FreshTurn:
    """A turn whose stream lives for one block, so that nothing of it polls while the others have their turn."""

    def __init__(self, make: Callable[[], Turn]) -> None:
        self._make = make

    def run(
        self,
        duration_ns: int,
        period_ns: int,
        paced: bool,
        cold: bool,
        warm_up: int,
        spin: bool = False,
        at_least: int = 0,
    ) -> dict[str, Any]:
        """Measure one block."""
        turn = self._make()
        block: dict[str, Any] = turn.run(duration_ns, period_ns, paced, cold, warm_up, spin, at_least)
        return block


def spinning(name: str, transport: str, how: str) -> Case:
    """Return a case: client and server poll, and so does the control loop, for its tick; the echo's ends sleep."""

    def case(place: Place, seconds: float) -> Result:
        from learn_rt._latency import EchoArm, Turn

        with (
            place.server(spin=transport == "spin") as served,
            place.echo("unix") as echo,
            pinning.on(place.pinning.control),
        ):
            ours = FreshTurn(lambda: place.turn(place.client(served.addresses[transport], spin=True)))
            bare = Turn(EchoArm(echo.target, *place.sizes), place.stream.samples)
            (ours_, bare_), hiccup = measure(place, [ours, bare], SPUN, seconds)
            alone = place.turn(place.client(served.addresses[transport], spin=True))
            cpu = cpu_share(alone, served.pid, SPUN, seconds)
        more = {
            "cpu_share": cpu,
            "p50_ratio": asdict(ratio(calls(ours_), calls(bare_), "p50")),
            "stages_us": {stage: blocks.figures().as_dict() for stage, blocks in ours_.stages.items()},
        }
        setting = f"1 connection, {SPUN.name}; {how}; echo: Unix socket, both ends asleep between samples"
        return beside_echo(place, name, setting, ours_, bare_, hiccup, more)

    return case
