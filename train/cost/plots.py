"""A picture of how costs are predicted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_errors(accuracy: Mapping[str, Any], path: Path) -> None:
    """Draw answers over targets, one panel an output; an ensemble's with bars of two spreads."""
    pairs = accuracy["detail"]
    figure = Figure(figsize=(4.5 * len(pairs), 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(pairs), squeeze=False)[0]
    for axes, (name, pair) in zip(panels, pairs.items(), strict=True):
        bars = [2 * s for s in pair["spread"]] if "spread" in pair else None
        axes.errorbar(
            pair["target"], pair["answer"], yerr=bars, fmt=".", color="tab:blue", ecolor="tab:gray", elinewidth=0.8
        )
        both = [*pair["target"], *pair["answer"]]
        axes.plot([min(both), max(both)], [min(both), max(both)], color="tab:gray", linewidth=0.8)
        axes.set(
            xlabel=f"{name}, measured", ylabel=f"{name}, predicted", title=f"R2 {accuracy['outputs'][name]['r2']:.4f}"
        )
    figure.savefig(path, dpi=120)
