"""Pictures of how well poses are met."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_joints(angle_deg: Mapping[str, float], path: Path) -> None:
    """Write the mean angle between predicted and recorded rotation of each joint as a picture."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    names = list(angle_deg)
    colours = ["tab:red" if n.endswith("R") else "tab:blue" if n.endswith("L") else "tab:gray" for n in names]
    axes.barh(names, [angle_deg[name] for name in names], color=colours)
    axes.invert_yaxis()
    axes.set(xlabel="mean angle between predicted and recorded rotation [degrees]", title="red: right, blue: left")
    figure.savefig(path, dpi=120)
