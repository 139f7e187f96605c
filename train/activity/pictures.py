"""Pictures of what was told for what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_confusion(confusion: list[list[int]], classes: list[str], path: Path) -> None:
    """Write the confusion matrix [label][answer], each row as shares of its label."""
    counts = np.asarray(confusion, dtype=np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1.0)
    size = 3.0 + 0.3 * len(classes)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    axes.set_xticks(range(len(classes)), classes, rotation=90)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="answer", ylabel="label", title="share of a label's windows")
    figure.colorbar(image, ax=axes, shrink=0.8)
    figure.savefig(path, dpi=120)
