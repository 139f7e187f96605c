"""What the cases of `learn-bench serve` have in common: arms in turn, and a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from learn_rt.benchmarks.latency.histogram import Blocks
from learn_rt.benchmarks.latency.measure import Measured, Mode, Turn, in_turn
from learn_rt.benchmarks.serving.compare import difference, ratio
from learn_rt.benchmarks.serving.place import SAMPLE_S, Place
from learn_rt.benchmarks.serving.result import Result

PAIRS = 20
Case = Callable[[Place, float], Result]


def measure(place: Place, turns: Sequence[Turn], mode: Mode, seconds: float) -> tuple[list[Measured], Blocks]:
    """Return what each arm showed, and how late a sleeper woke meanwhile."""
    return in_turn(turns, mode, seconds, SAMPLE_S, place.pinning.control, PAIRS)


def beside_echo(
    place: Place, name: str, setting: str, ours: Measured, echo: Measured, hiccup: Blocks, more: dict[str, Any]
) -> Result:
    """Return the result of one stream beside the echo."""
    return Result(
        case=name,
        setting=f"{place.pinning}; {setting}",
        ours_us=calls(ours).figures(),
        echo_us=calls(echo).figures(),
        difference_us=difference(calls(ours), calls(echo), "p50"),
        p99_ratio=ratio(calls(ours), calls(echo), "p99"),
        hiccup_us=hiccup.figures(),
        lost=0,  # an arm that gets no answer raises
        wrong=ours.wrong,
        compared=ours.compared,
        more=more,
    )


def calls(measured: Measured) -> Blocks:
    """Return the answer alone: how late the loop itself woke is not the server's."""
    assert measured.call is not None
    return measured.call
