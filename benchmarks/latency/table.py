"""What latency.json says, for a terminal of 80 columns: every raw figure, its verdict, and where the time went."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from learn_rt.benchmarks.latency import machine
from learn_rt.benchmarks.latency.text import ARMS_NOTE, COLUMNS, OVER, STAGES, STAGES_NOTE, estimate, number, pair

COLOURS = {"pass": "green", "fail": "bold red", "not judged": "yellow"}
WIDTH = 80
Json = dict[str, Any]


def show(body: Json) -> None:
    """Print what latency.json says."""
    console = Console()
    console.width = max(console.width, WIDTH)  # a pipe has no width: never cut a figure
    console.print(tables(body["gates"], body["beside"]), machine.one_line(body["machine"]), sep="\n", highlight=False)


def lines(gates: Sequence[Json], beside: Sequence[Json]) -> list[str]:
    """Return the tables as lines of plain text."""
    out = io.StringIO()
    Console(file=out, width=WIDTH, highlight=False).print(tables(gates, beside))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def tables(gates: Sequence[Json], beside: Sequence[Json]) -> Group:
    """Return the tables of each model's gates, then of what ran beside ONNX Runtime, then what the words mean."""
    found: list[RenderableType] = []
    for model, group in groupby(gates, key=lambda gate: str(gate["model"])):
        of_model = list(group)
        found += [*_titled(f"{model}: one prediction", _figures(of_model)), *_reasons(of_model)]
        found += _titled("where the time goes, p50/p99", _stages(of_model))
        found += _titled("95% intervals", _intervals(of_model))
    if beside:
        found += [*_titled("one step beside ONNX Runtime, turn by turn", _beside(beside)), *_told(beside)]
    notes = [f"{ARMS_NOTE}. {STAGES_NOTE}. All in microseconds."] if gates else []
    return Group(*found, *notes, *sorted({gate["pinning"] for gate in gates}))


def _titled(title: str, table: Table) -> list[RenderableType]:
    return [Text(title, style="bold"), Padding(table, (0, 0, 1, 0), expand=False)]


def _table(first: str, right: Iterable[str], last: str | None = None, gap: int = 2) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0))
    table.add_column(first, no_wrap=True)
    for heading in right:
        table.add_column(heading, justify="right", no_wrap=True)
    if last is not None:
        table.add_column(last, no_wrap=True)
    return table


def _path(gate: Json) -> str:
    return f"{OVER[gate['transport']]}, {gate['mode']}"


def _values(figures: Json) -> list[str]:
    return [number(figures[key]) for key in COLUMNS]


def _figures(gates: Sequence[Json]) -> Table:
    table = _table("", COLUMNS.values(), "verdict")
    for gate in gates:
        verdict = f"[{COLOURS[gate['verdict']]}]{gate['verdict']}"
        table.add_row(_path(gate), *_values(gate["latency_us"]), verdict)
        table.add_row("  empty", *_values(gate["empty_us"]), style="dim")
        table.add_row("  machine", *_values(gate["hiccup_us"]), style="dim")
    return table


def _reasons(gates: Sequence[Json]) -> list[RenderableType]:
    told = [f"{_path(g)}: {g['verdict']}: {g['reason']}" for g in gates if g["verdict"] != "pass"]
    return [Padding("\n".join(told), (0, 0, 1, 0))] if told else []


def _stages(gates: Sequence[Json]) -> Table:
    # A server settles by itself, after the answer is out.
    measured = [g["stages_us"] | ({"settle": g["settle_us"]} if g["transport"] == "inproc" else {}) for g in gates]
    rows = [{name: figures for name, figures in row.items() if figures["max"] > 0} for row in measured]
    shown = [name for name in STAGES if any(name in row for row in rows)]
    table = _table("", (STAGES[name] for name in shown), gap=1)
    for gate, row in zip(gates, rows, strict=True):
        table.add_row(_path(gate), *(pair(row[name]) if name in row else "" for name in shown))
    return table


def _intervals(gates: Sequence[Json]) -> Table:
    table = _table("", ("", "measured", "more than empty by", "budget"))
    for gate in gates:
        for i, j in enumerate(gate["judgements"]):
            cells = estimate(j["model"]), estimate(j["added"]), number(j["budget_us"])
            table.add_row("" if i else _path(gate), j["percentile"], *cells)
    return table


def _beside(comparisons: Sequence[Json]) -> Table:
    table = _table("", COLUMNS.values(), "times as fast")
    for c in comparisons:
        ratio = c["speedup"]
        times = f"{number(ratio['p50'])} [{number(ratio['low'])}, {number(ratio['high'])}]"
        table.add_row(c["model"], *_values(c["latency_us"]), times)
        table.add_row(f"  {c['against'].removeprefix('onnxruntime, ')}", *_values(c["baseline_us"]), style="dim")
    return table


def _told(comparisons: Sequence[Json]) -> list[RenderableType]:
    reasons = dict.fromkeys(f"{c['against'].removeprefix('onnxruntime, ')}: {c['reason']}." for c in comparisons)
    settling = {c["model"]: f"{c['model']}: ours then settles for {pair(c['settle_us'])}." for c in comparisons}
    return [Padding("\n".join([*reasons, *settling.values()]), (0, 0, 1, 0))]
