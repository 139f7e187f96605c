"""Gates and comparisons as lines of text, for terminals without more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from learn_rt.benchmarks.latency.baseline import Comparison
    from learn_rt.benchmarks.latency.gate import Report
    from learn_rt.benchmarks.latency.histogram import Blocks, Figures

STAGE_WORDS = {
    "late": "waking for the tick",
    "queue": "client queue",
    "wire": "wire",
    "compute": "compute",
    "wake_up": "waking for the answer",
}
COLUMNS = ("p50", "p99", "p999", "max", "n", "missed")
NOTE = "empty: the same path without a model, in turn; hiccup: how late a sleeping thread woke meanwhile"


def number(value: float) -> str:
    """Return a count as it is, and microseconds with three figures."""
    return str(value) if isinstance(value, int) else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def pair(blocks: Blocks) -> str:
    """Return p50/p99 [us]."""
    figures = blocks.figures()
    return f"{number(figures.p50)}/{number(figures.p99)}"


def stages(report: Report) -> str:
    """Return where the time went: each stage's own p50/p99 [us], the longest first; in process, the settling too."""
    measured = {name: blocks for name, blocks in report.model.stages.items() if blocks.maxima.max() > 0}
    ordered = sorted(measured.items(), key=lambda item: -item[1].figures().p50)
    found = [f"{STAGE_WORDS[name]} {pair(blocks)}" for name, blocks in ordered]
    # A server settles by itself, after the answer is out.
    settling = [f"then settling {pair(report.model.settle)}"] if report.case.transport == "inproc" else []
    return ", ".join(found + settling)


def intervals(report: Report) -> str:
    """Return each judged percentile [us] with its interval, and what the model adds to the empty one."""
    return "; ".join(f"{j.percentile} {j.model}, more than empty by {j.added}" for j in report.judgements)


def settling(comparison: Comparison) -> str:
    """Return what ours still does once the answer is out: the rate is bounded by both, the latency by the answer."""
    return f"ours then settles for {pair(comparison.ours.settle)} us (p50/p99) before it takes the next sample"


def report_lines(reports: Sequence[Report]) -> list[str]:
    """Return a table of the raw figures [us]; for each gate a line on the stages and the verdict with its reason."""
    if not reports:
        return []
    width = max(len(r.case.name) for r in reports) + 2
    found = [f"{'microseconds':<{width + 8}}" + "".join(f"{c:>9}" for c in COLUMNS)]
    for r in reports:
        found.append(_row(r.case.name, width, "model", r.model.latency.figures()))
        found.append(_row("", width, "empty", r.empty.latency.figures()))
        found.append(_row("", width, "hiccup", r.hiccup))
        found.append(f"{'':<{width}}stages p50/p99: {stages(r)}")
        found.append(f"{'':<{width}}95% intervals: {intervals(r)}")
        found.append(f"{'':<{width}}{r.verdict.value}: {r.reason}")
    return [*found, f"{NOTE}; {reports[0].pinned}"]


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Return ours and the baseline's figures [us] and their ratio, the headline first."""
    found = []
    for c in comparisons:
        width = max(len(c.model), len(c.against)) + 2
        found.append(_row(c.model, width, "ours", c.ours.latency.figures()))
        found.append(_row(c.against, width, "", c.baseline.latency.figures()))
        found.append(f"{'':<{width}}x {c.speedup} by p50; {c.reason}; {settling(c)}")
    return found


def _row(name: str, width: int, label: str, figures: Figures) -> str:
    return f"{name:<{width}}{label:<8}" + "".join(f"{number(v):>9}" for v in figures.as_dict().values())
