"""What a case found, as JSON and as a line of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from learn_rt.benchmarks.latency.histogram import Figures
from learn_rt.benchmarks.latency.judge import Estimate
from learn_rt.benchmarks.latency.text import number


@dataclass(frozen=True)
class Result:
    """One case: ours beside its baseline in the same run; latencies in microseconds.

    `lost`: samples without an answer. `wrong`: answers that differ from what model.onnx says by more than the model's
    tolerance. `difference_us`: median of the blocks' differences of p50; `p99_ratio`: of the ratios of p99. `more`:
    what only this case has. None: there is no such thing in this case.
    """

    case: str
    setting: str
    ours_us: Figures
    echo_us: Figures | None
    difference_us: Estimate | None
    p99_ratio: Estimate | None
    hiccup_us: Figures
    lost: int
    wrong: int
    compared: int
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        as_json = asdict(self)
        return as_json | as_json.pop("more")


def show(results: Sequence[Result]) -> None:
    """Print the table, and below it what belongs to one case only."""
    table = Table(
        Column("case", no_wrap=True),
        *(Column(head, justify="right") for head in ("ours p50/p99", "echo p50/p99", "difference p50", "ratio p99")),
    )
    for r in results:
        echo = f"{number(r.echo_us.p50)}/{number(r.echo_us.p99)}" if r.echo_us else "-"
        ours = f"{number(r.ours_us.p50)}/{number(r.ours_us.p99)}"
        table.add_row(r.case, ours, echo, _short(r.difference_us), _short(r.p99_ratio))
    console = Console(highlight=False)
    console.print(table, "microseconds; medians of blocks in turn with their 95% intervals")
    for r in results:
        ours = f"p99.9 {number(r.ours_us.p999)}, max {number(r.ours_us.max)}, n {number(r.ours_us.n)}"
        checked = f"{r.lost} lost, {r.wrong} wrong of {number(r.compared)} compared"
        console.print(f"\n{r.case}: {r.setting}\n  {ours}; {checked}; a sleeper's p99 {number(r.hiccup_us.p99)}")
        if r.more:
            console.print("  " + ", ".join(f"{key} {_said(value)}" for key, value in r.more.items()))


def _short(value: Estimate | None) -> str:
    return f"{value.value:.3g} [{value.low:.3g}, {value.high:.3g}]" if value else "-"


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} {_said(v)}" for k, v in value.items()) + "}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
