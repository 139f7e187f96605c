"""Four pictures of how well errors are predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

AXES = ("x", "y")
MAGNIFIED = 50  # errors beside a path of millimetres could not be seen


def draw(accuracy: Mapping[str, Any], folder: Path) -> None:
    """Write trajectory_comparison, error_distribution, error_correlation and per_axis_error (.png) into `folder`."""
    detail = accuracy["detail"]
    _trajectory(detail["stretch"], folder / "trajectory_comparison.png")
    _distribution(detail["distribution"], folder / "error_distribution.png")
    _correlation(detail["correlation"], accuracy, folder / "error_correlation.png")
    _per_axis(detail["stretch"], detail["dt_s"], folder / "per_axis_error.png")


def _trajectory(stretch: Mapping[str, Any], path: Path) -> None:
    figure, (axes,) = _figure(1, 1, (6, 6))
    planned = np.array(stretch["path_mm"])
    axes.plot(*planned.T, color="tab:gray", label="planned")
    for name, color in (("actual", "tab:red"), ("predicted", "tab:blue")):
        moved = planned + np.array(stretch[f"{name}_um"]) * (MAGNIFIED / 1e3)
        axes.plot(*moved.T, color=color, linewidth=0.8, label=f"{name}, error x {MAGNIFIED}")
    axes.set(xlabel="x [mm]", ylabel="y [mm]", aspect="equal", title="A held-out stretch")
    axes.legend()
    figure.savefig(path, dpi=120)


def _distribution(found: Mapping[str, Any], path: Path) -> None:
    figure, (axes,) = _figure(1, 1, (7, 4))
    edges = np.array(found["edges_um"])
    for name, color in (("before", "tab:red"), ("after", "tab:blue")):
        label = "error" if name == "before" else "error left by the prediction"
        axes.stairs(np.array(found[name]), edges, color=color, label=label)
    axes.set(xlabel="[um], both axes", ylabel="ticks", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)


def _correlation(points: Mapping[str, Any], accuracy: Mapping[str, Any], path: Path) -> None:
    figure, panes = _figure(1, 2, (9, 4.5))
    actual, predicted = (np.array(points[f"{name}_um"]) for name in ("actual", "predicted"))
    for i, (axes, (name, row)) in enumerate(zip(panes, accuracy["outputs"].items(), strict=True)):
        span = [float(actual[:, i].min()), float(actual[:, i].max())]
        axes.plot(span, span, color="tab:gray", linewidth=0.8)
        axes.plot(actual[:, i], predicted[:, i], ".", markersize=3)
        title = f"{name}: R2 {row['r2']:.3f}, correlation {row['corr']:.3f}"
        axes.set(xlabel="actual [um]", ylabel="predicted [um]", title=title)
    figure.savefig(path, dpi=120)


def _per_axis(stretch: Mapping[str, Any], dt_s: float, path: Path) -> None:
    figure, panes = _figure(2, 1, (9, 5))
    actual, predicted = (np.array(stretch[f"{name}_um"]) for name in ("actual", "predicted"))
    time_s = np.arange(len(actual)) * dt_s
    for i, (axes, name) in enumerate(zip(panes, AXES, strict=True)):
        axes.plot(time_s, actual[:, i], color="tab:red", label="actual")
        axes.plot(time_s, predicted[:, i], color="tab:blue", linewidth=0.8, label="predicted")
        axes.set(ylabel=f"error {name} [um]")
    panes[0].legend()
    panes[-1].set(xlabel="time [s]")
    figure.savefig(path, dpi=120)


def _figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(rows, columns)).flat)
