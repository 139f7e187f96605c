"""The picture: one layer's path under each method, its error magnified and coloured on one shared scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from learn_rt.benchmarks.printing.contour import contour_vector

Array = NDArray[np.float64]
INK, FAINT, PAPER = "#1d2330", "#c9ced8", "#ffffff"
# calm blue where the print is good, through amber, to dark red: also told apart without seeing red or green
ERROR = LinearSegmentedColormap.from_list("error", ["#2c7fb8", "#7fcdbb", "#fed976", "#f16913", "#99000d"])
TITLES = {
    "planned": "as planned",
    "zv": "ZV shaper",
    "mzv": "MZV shaper",
    "ei": "EI shaper",
    "inverse": "linear inverse",
    "filter": "learned linear filter",
    "ours": "learn-rt",
}
ZOOMED = {"planned": "#99000d", "zv": "#f16913", "inverse": "#c79a00", "filter": "#41ab8d", "ours": "#2c7fb8"}


@dataclass(frozen=True)
class Layer:
    """What is drawn: one layer's planned path (n, 2) [mm], where it is extruded, and the actual paths by method."""

    planned: Array
    extruding: NDArray[np.bool_]
    actual: Mapping[str, Array]
    dt_s: float


def draw(layer: Layer, contour_rms_um: Mapping[str, float], title: str, path: Path) -> None:
    """Write the picture of one layer as PNG.

    Args: contour_rms_um: the whole print's figure by method, shown above each panel.
    """
    vectors = {name: contour_vector(actual, layer.planned, layer.dt_s) for name, actual in layer.actual.items()}
    sizes = {name: np.hypot(*v.T) for name, v in vectors.items()}
    top_um = _round_up(1e3 * float(np.percentile(sizes["planned"][layer.extruding], 99)))
    extent = np.ptp(layer.planned[layer.extruding], axis=0).max()
    times = _round_up(0.045 * extent / (1e-3 * top_um), down=True)
    norm = Normalize(0.0, top_um)

    figure = Figure(figsize=(16.0, 9.4), facecolor=PAPER)
    grid = figure.subplots(2, 4, gridspec_kw={"wspace": 0.04, "hspace": 0.16})
    figure.subplots_adjust(left=0.02, right=0.98, top=0.86, bottom=0.11)
    best = min(contour_rms_um, key=lambda name: contour_rms_um[name])
    for axes, name in zip(grid.flat, layer.actual, strict=False):
        shown = layer.planned + times * vectors[name]
        _path(axes, shown, sizes[name], layer.planned, layer.extruding, norm)
        _frame(axes, layer.planned[layer.extruding])
        axes.text(0.0, 1.035, TITLES[name], transform=axes.transAxes, size=13, color=INK, weight="bold")
        weight = "bold" if name == best else "normal"
        figure_text = f"{contour_rms_um[name]:.1f} µm"
        axes.text(1.0, 1.035, figure_text, transform=axes.transAxes, size=13, color=INK, ha="right", weight=weight)
    _zoom(grid.flat[7], layer, sizes["planned"])

    figure.text(0.02, 0.955, title, size=19, color=INK, weight="bold")
    figure.text(
        0.02,
        0.918,
        f"Where the nozzle went, its distance from the planned path drawn {times:g} times as large. "
        "Above each: contour error of the whole print (RMS, extruding moves).",
        size=12,
        color="#5b6475",
    )
    bar_axes = figure.add_axes((0.3, 0.052, 0.4, 0.018))
    bar = figure.colorbar(ScalarMappable(norm, ERROR), cax=bar_axes, orientation="horizontal", extend="max")
    bar.outline.set_visible(False)
    bar.ax.tick_params(color=INK, labelcolor=INK, length=3, labelsize=10)
    bar.ax.set_title("contour error [µm], the same scale everywhere", size=10, color=INK, pad=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, facecolor=PAPER)


def _path(
    axes: Axes, shown: Array, sizes: Array, planned: Array, extruding: NDArray[np.bool_], norm: Normalize
) -> None:
    inside = extruding[:-1] & extruding[1:]
    axes.add_collection(LineCollection(list(_segments(planned)[inside]), colors=FAINT, linewidths=0.6, zorder=1))
    lines = LineCollection(
        list(_segments(shown)[inside]), cmap=ERROR, norm=norm, linewidths=1.3, zorder=2, capstyle="round"
    )
    lines.set_array(1e3 * np.maximum(sizes[:-1], sizes[1:])[inside])
    axes.add_collection(lines)


def _zoom(axes: Axes, layer: Layer, planned_error: Array) -> None:
    """Draw the place where the uncorrected print goes most wrong, to scale."""
    at = int(np.argmax(np.where(layer.extruding, planned_error, -1.0)))
    near = slice(max(0, at - 150), at + 150)
    half = max(2.5 * float(planned_error[at]), 0.03)
    axes.plot(*layer.planned[near].T, color=INK, linewidth=5.0, alpha=0.16, label="the plan", solid_capstyle="round")
    for name, colour in ZOOMED.items():
        if name in layer.actual:
            width = 2.2 if name == "ours" else 1.3
            axes.plot(*layer.actual[name][near].T, color=colour, linewidth=width, label=TITLES[name])
    x, y = layer.planned[at]
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    _plain(axes)
    axes.legend(loc="best", frameon=False, fontsize=9, labelcolor=INK, handlelength=1.4)
    axes.text(0.0, 1.035, "worst place", transform=axes.transAxes, size=13, color=INK, weight="bold")
    axes.text(
        1.0, 1.035, f"to scale, {2e3 * half:.0f} µm wide", transform=axes.transAxes, size=13, color=INK, ha="right"
    )


def _frame(axes: Axes, drawn: Array) -> None:
    low, high = drawn.min(0), drawn.max(0)
    middle, half = (low + high) / 2, 0.57 * float((high - low).max())
    axes.set_xlim(middle[0] - half, middle[0] + half)
    axes.set_ylim(middle[1] - half, middle[1] + half)
    _plain(axes)


def _plain(axes: Axes) -> None:
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def _segments(points: Array) -> Array:
    return np.stack([points[:-1], points[1:]], 1)


def _round_up(value: float, down: bool = False) -> float:
    """Return the next round number above (or below) a value."""
    power = 10.0 ** np.floor(np.log10(max(value, 1e-6)))
    steps = np.array([1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]) * power
    fits = steps[steps <= value * (1 + 1e-9)] if down else steps[steps >= value * (1 - 1e-9)]
    return float(fits.max() if down else fits.min())
