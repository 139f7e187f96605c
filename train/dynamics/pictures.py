"""Pictures of an evaluation: how the error grows over the horizon, and one rollout each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def plot_growth(accuracy: Mapping[str, Any], folder: Path) -> None:
    """Write growth.png: mean squared and absolute error by step, of all outputs and of each."""
    figure = _figure(10, 4)
    squared, absolute = figure.subplots(1, 2)
    step = np.arange(1, accuracy["horizon"] + 1)
    for name, of in accuracy["steps_of"].items():
        squared.plot(step, of["mse"], linewidth=0.8, label=name)
        absolute.plot(step, of["mae"], linewidth=0.8)
    steps = accuracy["steps"]
    squared.plot(step, steps["mse"], color="black", marker=".", label="all")
    absolute.plot(step, steps["mae"], color="black", marker=".")
    squared.plot(step, steps["mse_linear"], color="gray", linestyle="--", label="linear autoregression")
    squared.plot(step, steps["mse_still"], color="gray", linestyle=":", label="standing still")
    squared.set(xlabel="step", ylabel="mean squared error [std²]", yscale="log")
    absolute.set(xlabel="step", ylabel="mean absolute error [std]")
    squared.legend(fontsize="x-small")
    figure.savefig(folder / "growth.png", dpi=120)


def plot_examples(accuracy: Mapping[str, Any], folder: Path) -> None:
    """Write example_00.png and so on: history, truth and prediction of every output, one rollout a picture."""
    for number, example in enumerate(accuracy["examples"]):
        history, truth, prediction = (np.array(example[key]) for key in ("history", "truth", "prediction"))
        names = list(accuracy["units"])
        figure = _figure(8, 1.6 * len(names))
        past, ahead = np.arange(1 - len(history), 1), np.arange(1, len(truth) + 1)
        for axis, i in zip(
            figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0], range(len(names)), strict=True
        ):
            axis.plot(past, history[:, i], color="gray")
            axis.plot(ahead, truth[:, i], color="gray", marker=".", label="recorded")
            axis.plot(ahead, prediction[:, i], color="tab:blue", marker=".", label="predicted")
            axis.set(ylabel=f"{names[i]} [{accuracy['units'][names[i]]}]")
        axis.set(xlabel="step")
        axis.legend(fontsize="x-small")
        figure.savefig(folder / f"example_{number:02d}.png", dpi=100)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
