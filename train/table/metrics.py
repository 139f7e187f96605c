"""Accuracy by output in its own unit, and over all outputs in units of their spread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def accuracy(answers: Tensor, targets: Tensor, names: Sequence[str], units: Sequence[str]) -> dict[str, Any]:
    """Return r2 and rmse_std over all outputs, and for each r2, rmse, mae and corr with its unit.

    r2 over all is the mean of the outputs' own; rmse_std is the root of the mean squared error in units of each
    output's standard deviation, so that outputs of different units count alike.
    """
    a, t = answers.double(), targets.double()
    error, spread = a - t, (t - t.mean(0)).square().mean(0)
    safe = spread.clamp(min=1e-30)
    r2 = 1.0 - error.square().mean(0) / safe
    both = ((a - a.mean(0)) * (t - t.mean(0))).mean(0)
    corr = both / ((a - a.mean(0)).square().mean(0) * safe).sqrt().clamp(min=1e-30)
    each = {
        name: {
            "r2": float(r2[i]),
            "rmse": float(error[:, i].square().mean().sqrt()),
            "mae": float(error[:, i].abs().mean()),
            "corr": float(corr[i]),
            "unit": units[i],
        }
        for i, name in enumerate(names)
    }
    figures = {"r2": float(r2.mean()), "rmse_std": float((error.square() / safe).mean().sqrt())}
    return {**figures, "outputs": each}
