"""Pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_history(history: list[dict[str, Any]], path: Path) -> None:
    """Write the loss and the validation error over the epochs as a picture; nothing where there is no epoch."""
    if not history:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss = figure.subplots()
    epochs = [line["epoch"] + 1 for line in history]
    loss.plot(epochs, [line["loss"] for line in history], color="tab:gray")
    loss.set(xlabel="epoch", ylabel="training loss, normalised (gray)", yscale="log")
    error = loss.twinx()
    error.plot(epochs, [line["rmse_um"] for line in history], color="tab:blue", marker=".")
    error.set(ylabel="validation RMSE [um] (blue)")
    figure.savefig(path, dpi=120)
