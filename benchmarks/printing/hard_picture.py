"""The picture of the hardest minute: the kill in the middle, what was given meanwhile, and what it did to the print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from learn_rt.benchmarks.printing.contour import contour_error
from learn_rt.benchmarks.printing.picture import FAINT, INK, PAPER
from learn_rt.benchmarks.printing.printer import TICK_S

if TYPE_CHECKING:
    from learn_rt.benchmarks.printing.hard_minute import Minute

COLOURS = {"planned": "#f16913", "killed": "#2c7fb8", "unbroken": "#41ab8d"}
AROUND_S = 1.0  # shown before the kill and after the return


def draw(minute: Minute, title: str, path: Path) -> None:
    """Write the picture as PNG."""
    t = np.arange(len(minute.given)) * TICK_S
    errors = {
        name: 1e3 * contour_error(actual, minute.stretch.planned, TICK_S) for name, actual in minute.printed.items()
    }
    begin, end = minute.killed_s, minute.killed_s + minute.away_s
    near = (t >= begin - AROUND_S) & (t <= end + AROUND_S)
    figure = Figure(figsize=(16.0, 10.0), facecolor=PAPER)
    top, middle, bottom = figure.subplots(3, 1, gridspec_kw={"hspace": 0.42})
    figure.subplots_adjust(left=0.06, right=0.98, top=0.85, bottom=0.06)

    for name in ("planned", "killed"):
        label = {"planned": "as planned", "killed": "learn-rt, its server killed halfway"}[name]
        top.plot(t, np.where(minute.stretch.extruding, errors[name], np.nan), color=COLOURS[name], lw=0.6, label=label)
    _style(top, "contour error [µm], extruding", begin, end)
    for axis, letter in enumerate("xy"):
        style = "-" if axis == 0 else "--"
        middle.plot(t[near], 1e3 * minute.unbroken[near, axis], style, color=COLOURS["unbroken"], lw=3.0, alpha=0.5)
        middle.plot(t[near], 1e3 * minute.given[near, axis], style, color=COLOURS["killed"], lw=1.2, label=letter)
    _style(middle, "offset [µm]: given (thin), and of an unbroken stream (wide)", begin, end)
    for name, width in (("planned", 0.8), ("unbroken", 2.5), ("killed", 1.0)):
        label = {"planned": "as planned", "killed": "server killed", "unbroken": "unbroken"}[name]
        bottom.plot(t[near], errors[name][near], color=COLOURS[name], lw=width, label=label)
    _style(bottom, "contour error [µm]", begin, end)

    figure.text(0.06, 0.95, "kill -9 in the middle of a print", size=19, color=INK, weight="bold")
    figure.text(
        0.06,
        0.905,
        f"{title}, in real time at {1 / TICK_S:.0f} Hz on the simulated printer. The server is killed at {begin:.1f} s "
        f"and answers again {minute.away_s:.2f} s later;\nmeanwhile the policy fades the offset inside the envelope "
        f"({minute.outside} values outside). {minute.answers:,} answers replayed, {minute.different} of other bits.",
        size=12,
        color="#5b6475",
        va="center",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90, facecolor=PAPER)


def _style(axes: Axes, what: str, begin: float, end: float) -> None:
    axes.axvspan(begin, end, color="#99000d", alpha=0.12, lw=0)
    axes.axvline(begin, color="#99000d", lw=1.4)
    axes.set_title(what, loc="left", size=12, color=INK)
    axes.margins(x=0.0)
    axes.tick_params(color=INK, labelcolor=INK, labelsize=10)
    axes.set_xlabel("s", color=INK, labelpad=-2)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=3, frameon=False, fontsize=11, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_color(FAINT)
