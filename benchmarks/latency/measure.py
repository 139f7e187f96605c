"""One measurement: two arms in turn, block by block, and the machine's own lateness all the while."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.pinning import on

PAIRS = 12  # blocks of each arm: enough for an interval, few enough that a block outlasts a disturbance
STAGES = ("late", "queue", "wire", "compute", "wake_up")


@dataclass(frozen=True)
class Mode:
    """How an arm is asked: closed, a sample follows the last answer; or paced, on the control loop's schedule."""

    name: str
    paced: bool
    cold: bool
    warm_up: int  # ticks at the start of each block that are not recorded
    at_least: int = 0  # ticks that each block records, however long it takes
    spin: bool = False  # paced: the loop reads the clock until a tick has come, and does not sleep


CLOSED = Mode("closed", paced=False, cold=False, warm_up=20)
PACED = Mode("paced", paced=True, cold=False, warm_up=5)
COLD = Mode("cold", paced=True, cold=True, warm_up=1)
SPUN = Mode("paced, the loop polls the clock", paced=True, cold=False, warm_up=50, at_least=10, spin=True)
MODES = {mode.name: mode for mode in (CLOSED, PACED, COLD)}


class Turn(Protocol):
    """An arm with its stream (`_latency.Turn`)."""

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


@dataclass(frozen=True)
class Measured:
    """What one arm showed in its blocks; `worst` is its largest error among `compared` answers, `wrong` count."""

    latency: Blocks
    stages: dict[str, Blocks]
    settle: Blocks
    compared: int
    limited: int
    worst: float
    wrong: int = 0
    call: Blocks | None = None  # the latency without what was late before the call

    @classmethod
    def read(cls, blocks: Sequence[dict[str, Any]]) -> Measured:
        """Gather an arm's blocks."""
        return cls(
            latency=Blocks.read([b["latency"] for b in blocks], sum(b["missed"] for b in blocks)),
            stages={name: Blocks.read([b["stages"][name] for b in blocks]) for name in STAGES},
            settle=Blocks.read([b["settle"] for b in blocks]),
            compared=sum(b["compared"] for b in blocks),
            limited=sum(b["limited"] for b in blocks),
            worst=max(b["worst"] for b in blocks),
            wrong=sum(b.get("wrong", 0) for b in blocks),
            call=Blocks.read([b["call"] for b in blocks]) if "call" in blocks[0] else None,
        )


def in_turn(
    arms: Sequence[Turn],
    mode: Mode,
    seconds: float,
    period_s: float,
    cpus: frozenset[int] | None = None,
    pairs: int = PAIRS,
) -> tuple[list[Measured], Blocks]:
    """Measure all arms, block by block in turn (ABAB...), for `seconds` together.

    Args: period_s: of the control loop; the schedule when paced, and what an answer must not exceed.
        cpus: where the control loop is kept; the sleeper may wake anywhere, so that the loop's own load is not its.
        pairs: blocks of each arm.
    Returns: each arm's blocks, and how late a sleeper on the same schedule woke in the meantime.
    """
    from learn_rt._latency import Hiccup

    period_ns = round(period_s * 1e9)
    duration_ns = round(seconds * 1e9 / (pairs * len(arms)))
    hiccup = Hiccup(period_ns)
    try:
        with on(cpus):
            blocks = [[_block(arm, mode, duration_ns, period_ns) for arm in arms] for _ in range(pairs)]
    finally:
        lateness = hiccup.stop()
    measured = [Measured.read(of_arm) for of_arm in zip(*blocks, strict=True)]
    return measured, Blocks.read([lateness], lateness["missed"])


def _block(arm: Turn, mode: Mode, duration_ns: int, period_ns: int) -> dict[str, Any]:
    # Linux takes 5% of each second from a real-time thread that never sleeps: let it do so between two blocks.
    time.sleep(0.06e-9 * duration_ns)
    return arm.run(duration_ns, period_ns, mode.paced, mode.cold, mode.warm_up, mode.spin, mode.at_least)
