"""What the demo found, as tables for the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from learn_rt.benchmarks.printing.picture import TITLES
from learn_rt.benchmarks.printing.report import METHODS, ClosedLoop, Methods, Report, best_linear

PLANTS = {
    "nonlinear": "the non-linear printer (belts that soften along the axis, dry friction, the print's mass)",
    "linear": "the linear printer (nothing there needs a net: two constants an axis would do)",
}


def show_print(console: Console, closed_loop: ClosedLoop, heading: str) -> None:
    """Print one table a printer, the best method marked."""
    for plant, description in PLANTS.items():
        methods: Methods = getattr(closed_loop, plant)
        table = Table(title=f"{heading}\non {description}", title_justify="left", box=box.SIMPLE_HEAD, title_style="")
        table.add_column("error in µm, while extruding")
        for column in ("contour RMS", "p99", "max", "RMS in time", "contour RMS, to planned"):
            table.add_column(column, justify="right")
        best = min(METHODS, key=lambda name: methods[name].contour_rms_um)
        for name in METHODS:
            f = methods[name]
            share = f.contour_rms_um / methods.planned.contour_rms_um
            values = (f.contour_rms_um, f.contour_p99_um, f.contour_max_um, f.rms_um)
            style = "bold green" if name == best else ("bold" if name == "ours" else "")
            table.add_row(TITLES[name], *(f"{v:.2f}" for v in values), f"x {share:.2f}", style=style)
        console.print(table)
        console.print(f"  {verdict(methods)}\n", highlight=False)


def verdict(methods: Methods) -> str:
    """Say in one line how ours stands to the best linear method."""
    best = best_linear(methods)
    ratio = methods.ours.contour_rms_um / methods[best].contour_rms_um
    if ratio < 1.0:
        return f"learn-rt leaves {ratio:.2f} of what the best linear method leaves ({TITLES[best]}), by contour RMS."
    return f"{TITLES[best]} wins here: learn-rt leaves {ratio:.2f} times as much, by contour RMS."


def show_latency(console: Console, report: Report, pinned: str) -> None:
    """Print what one prediction costs, beside the machine's own lateness."""
    heading = f"One prediction, paced at the control rate, counted from the scheduled time, in µs ({pinned})"
    table = Table(title=heading, title_justify="left", box=box.SIMPLE_HEAD, title_style="")
    table.add_column("transport")
    for column in ("p50", "p99", "p99.9", "max", "answers", "missed"):
        table.add_column(column, justify="right")
    transports = report.latency_us
    rows = {
        "in process": transports.inproc,
        "gRPC, Unix socket": transports.unix,
        "gRPC, TCP": transports.grpc,
        "the machine's own lateness": report.hiccup_us,
    }
    for name, f in rows.items():
        table.add_row(name, *(f"{v:.1f}" for v in (f.p50, f.p99, f.p999, f.max)), str(f.n), str(f.missed))
    console.print(table)
