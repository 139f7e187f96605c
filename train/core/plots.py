"""Pictures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_history(history: list[dict[str, Any]], monitor: str, path: Path) -> None:
    """Write the loss and the monitored metric over the epochs as a picture; nothing where there is no epoch."""
    if not history:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    loss = figure.subplots()
    epochs = [line["epoch"] + 1 for line in history]
    values = [line["loss"] for line in history]
    loss.plot(epochs, values, color="tab:gray")
    loss.set(xlabel="epoch", ylabel="training loss (gray)", yscale="log" if min(values) > 0 else "linear")
    if monitor != "loss":
        metric = loss.twinx()
        metric.plot(
            epochs, [line[monitor] for line in history], color="tab:blue", marker="." if len(epochs) < 100 else ""
        )
        metric.set(ylabel=f"validation {monitor} (blue)")
    figure.savefig(path, dpi=120)
