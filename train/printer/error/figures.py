"""Figures of accuracy: over both axes and each, percentiles, what is drawn in the plots, and the time of an answer."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from learn_rt.train.core.metrics import accuracy
from learn_rt.train.printer.error.windows import Windows

PERCENTILES = (50, 90, 95, 99)
N_BINS, N_POINTS, N_STRETCH = 60, 400, 200  # of the histogram, of the scatter plot, ticks of the compared path
N_CALLS, LIMIT_US = 300, 1000.0  # timed; the time in which an answer must come


@torch.no_grad()
def answers(module: nn.Module, data: Windows, ends: Tensor) -> Tensor:
    """Return the module's answers (n, 2) [mm] to whole windows, through its own forward."""
    return torch.cat([data.targets.new_zeros(0, 2), *(module(data.raw(block)) for block in ends.split(2048))])


def figures(predicted: Tensor, targets: Tensor, names: tuple[str, ...]) -> dict[str, Any]:
    """Return r2, mae_um, rmse_um, corr, and planned_rms_um: of the errors themselves, as if zero were predicted.

    `percentiles_um` are of what the predictions leave, |error - prediction|. `outputs` has all of that by name.

    Args: predicted, targets: (n, 2) [mm]. Raises: ValueError: fewer than two answers.
    """
    predicted, targets = predicted.cpu(), targets.cpu()
    made = accuracy(predicted, targets, names)
    for i, name in enumerate(names):
        made["outputs"][name] |= _left(predicted[:, i], targets[:, i])
    each = made.pop("outputs")
    return {**made, **_left(predicted, targets), "outputs": each}


def detail(predicted: Tensor, data: Windows, ends: Tensor) -> dict[str, Any]:
    """Return what the plots show [um, mm], a few thousand numbers."""
    p, t = (v.cpu().double().numpy() * 1e3 for v in (predicted, data.targets[ends]))
    span = float(np.percentile(np.abs(t), 99.5)) or 1.0
    edges = np.linspace(-span, span, N_BINS + 1)
    before, after = (np.histogram(v, edges)[0].tolist() for v in (t, t - p))
    some = np.linspace(0, len(t) - 1, min(N_POINTS, len(t))).astype(int)
    stretch = _stretch(ends.cpu().numpy())
    path = data.samples[ends[stretch.tolist()]].cpu().double().numpy()[:, :2]
    return {
        "distribution": {"edges_um": _short(edges), "before": before, "after": after},
        "correlation": {"actual_um": _short(t[some]), "predicted_um": _short(p[some])},
        "stretch": {"path_mm": _short(path, 4), "actual_um": _short(t[stretch]), "predicted_um": _short(p[stretch])},
    }


@torch.no_grad()
def inference_us(module: nn.Module, window: Tensor) -> dict[str, float]:
    """Return the time of one answer by the module in PyTorch on one CPU thread, at the model's own window [us].

    learn-bench measures the exported, served model, which is faster.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        took = []
        for _ in range(N_CALLS):
            started = time.perf_counter_ns()
            module(window)
            took.append((time.perf_counter_ns() - started) / 1e3)
    finally:
        torch.set_num_threads(threads)
    settled = np.array(took[N_CALLS // 10 :])
    p50, p99, p999 = (round(float(v), 1) for v in np.percentile(settled, (50, 99, 99.9)))
    missed = int((settled > LIMIT_US).sum())
    return {
        "p50": p50,
        "p99": p99,
        "p999": p999,
        "max": round(float(settled.max()), 1),
        "n": len(settled),
        "missed": missed,
    }


def _left(predicted: Tensor, targets: Tensor) -> dict[str, Any]:
    left = (targets - predicted).double().abs().flatten().numpy() * 1e3
    marks = np.percentile(left, PERCENTILES)
    percentiles = {f"p{p}": float(v) for p, v in zip(PERCENTILES, marks, strict=True)}
    planned = float(targets.double().square().mean().sqrt()) * 1e3
    return {"planned_rms_um": planned, "percentiles_um": {**percentiles, "max": float(left.max())}}


def _stretch(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return places of up to N_STRETCH answers in a row, from the middle on where so many follow each other."""
    breaks = np.flatnonzero(np.diff(ends) != 1) + 1
    runs = np.split(np.arange(len(ends)), breaks)
    middle = [run for run in runs[len(runs) // 2 :] if len(run) >= N_STRETCH]
    run = middle[0] if middle else max(runs, key=len)
    return run[:N_STRETCH]


def _short(values: NDArray[np.float64], digits: int = 2) -> list[Any]:
    rounded: list[Any] = np.round(values, digits).tolist()
    return rounded
