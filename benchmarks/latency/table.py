"""The one table that `learn-bench latency` prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.latency import machine
from learn_rt.benchmarks.latency.text import COLUMNS, NOTE, intervals, number, settling, stages

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.baseline import Comparison
    from learn_rt.benchmarks.latency.gate import Report
    from learn_rt.benchmarks.latency.histogram import Figures

COLOURS = {"pass": "green", "fail": "red", "not judged": "yellow"}


def show(console: Console, about: dict[str, Any], reports: Sequence[Report], comparisons: Sequence[Comparison]) -> None:
    """Print the raw figures of every gate and comparison, their verdicts, and where the time went."""
    table = Table(title="latency of one prediction, microseconds", title_justify="left", box=None, pad_edge=False)
    for heading in ("model", "over", "mode", "what"):
        table.add_column(heading, no_wrap=True)
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for r in reports:
        verdict = f"[{COLOURS[r.verdict]}]{r.verdict}"
        table.add_row(
            r.case.model, r.case.transport, r.case.mode, "model", *_values(r.model.latency.figures()), verdict
        )
        table.add_row("", "", "", "empty", *_values(r.empty.latency.figures()), style="dim")
        table.add_row("", "", "", "hiccup", *_values(r.hiccup), style="dim")
    for c in comparisons:
        ratio = f"x {c.speedup.value:.1f} [{c.speedup.low:.1f}, {c.speedup.high:.1f}]"
        table.add_section()
        table.add_row(c.model, "inproc", "closed", "step", *_values(c.ours.latency.figures()), ratio)
        table.add_row("", "", "", c.against, *_values(c.baseline.latency.figures()), style="dim")
    console.print(table)
    for r in reports:
        console.print(f"{r.case.name}: {stages(r)} (p50/p99)", highlight=False)
        console.print(f"  95% intervals: {intervals(r)}", highlight=False)
        if r.verdict != "pass":
            console.print(f"  {r.verdict}: {r.reason}", highlight=False)
    for c in comparisons:
        console.print(f"{c.against}: {c.reason}; {settling(c)}", highlight=False)
    pinned = f"; {reports[0].pinned}" if reports else ""
    console.print(f"{NOTE}{pinned}\n{machine.one_line(about)}", highlight=False)


def _values(figures: Figures) -> list[str]:
    return [number(value) for value in figures.as_dict().values()]
