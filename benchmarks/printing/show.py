"""What the demo found, as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.printing.picture import TITLES
from learn_rt.benchmarks.printing.report import METHODS, ClosedLoop, Methods, Report, best_linear

PLANTS = {
    "nonlinear": "belts soften along the axis, guides rub dry, the bed grows heavier",
    "linear": "a mass on a spring an axis; nothing here needs a net",
}
PLANTS_TOLD = {"nonlinear": "The non-linear printer", "linear": "The linear printer"}


def show_print(console: Console, closed_loop: ClosedLoop) -> None:
    """Print one table a printer, the best method marked: contour error (RMS, p99, max) and RMS error in time."""
    for plant, description in PLANTS.items():
        methods: Methods = getattr(closed_loop, plant)
        best = min(METHODS, key=lambda name: methods[name].contour_rms_um)
        table = _table("µm, extruding", ("contour", "of plan", "p99", "max", "in time"))
        for name in METHODS:
            f = methods[name]
            share = f"{100 * f.contour_rms_um / methods.planned.contour_rms_um:.0f}%"
            values = map(micrometres, (f.contour_p99_um, f.contour_max_um, f.rms_um))
            style = "bold green" if name == best else ("bold" if name == "ours" else "")
            table.add_row(TITLES[name], micrometres(f.contour_rms_um), share, *values, style=style)
        console.print(f"[bold]{PLANTS_TOLD[plant]}[/bold]: {description}", soft_wrap=True)
        console.print(table)
        console.print(f" {verdict(methods)}\n", soft_wrap=True)


def micrometres(value: float) -> str:
    """Return a figure with three digits that count."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def verdict(methods: Methods) -> str:
    """Say in one line how ours stands to the best linear method."""
    best = best_linear(methods)
    ratio = methods.ours.contour_rms_um / methods[best].contour_rms_um
    if ratio < 1.0:
        return f"learn-rt leaves {ratio:.2f} of what the best linear method leaves ({TITLES[best]}), by contour RMS."
    return f"{TITLES[best]} wins here: learn-rt leaves {ratio:.2f} times as much, by contour RMS."


def show_latency(console: Console, report: Report, pinned: str) -> None:
    """Print what one prediction costs, beside the machine's own lateness."""
    table = _table("µs", ("p50", "p99", "p99.9", "max", "answers", "missed"))
    transports = report.latency_us
    rows = {
        "in process": transports.inproc,
        "gRPC, Unix socket": transports.unix,
        "gRPC, TCP": transports.grpc,
        "machine's own lateness": report.hiccup_us,
    }
    for name, f in rows.items():
        table.add_row(name, *(f"{v:.1f}" for v in (f.p50, f.p99, f.p999, f.max)), str(f.n), str(f.missed))
    console.print(
        f"[bold]One prediction at the control rate[/bold], from the scheduled time to the answer; {pinned}",
        soft_wrap=True,
    )
    console.print(table)


def _table(first: str, columns: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column(first, no_wrap=True, min_width=22)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table
