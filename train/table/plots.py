"""Held-out answers beside the truth, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_outputs(accuracy: Mapping[str, Any], path: Path) -> None:
    """Write a stretch of each output: the truth in gray, the answers in blue."""
    stretch, outputs = accuracy["stretch"], accuracy["outputs"]
    figure = Figure(figsize=(8, 2.2 * len(outputs) + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(outputs), 1, squeeze=False)[:, 0]
    for axis, (name, row), answers, targets in zip(
        axes, outputs.items(), stretch["answers"], stretch["targets"], strict=True
    ):
        axis.plot(targets, color="tab:gray", linewidth=2, label="recorded")
        axis.plot(answers, color="tab:blue", linewidth=1, label="predicted")
        unit = "" if row["unit"] == "1" or row["unit"] in name else f" [{row['unit']}]"
        axis.set(ylabel=f"{name}{unit}", title=f"held out: R2 {row['r2']:.4f}")
    axes[0].legend(loc="upper right")
    axes[-1].set(xlabel="sample")
    figure.savefig(path, dpi=110)
