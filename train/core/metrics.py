"""Accuracy of answers against targets, pooled over outputs and for each."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torchmetrics.functional import mean_absolute_error, mean_squared_error, pearson_corrcoef, r2_score


def accuracy(answers: Tensor, targets: Tensor, names: tuple[str, ...], per_unit: float = 1e3) -> dict[str, Any]:
    """Return r2, mae_um, rmse_um and corr over all outputs, and the same in `outputs` by name.

    Args: answers, targets: (n, outputs) in units of which one is `per_unit` micrometres.
    Raises: ValueError: fewer than two answers.
    """
    if len(answers) < 2:
        raise ValueError(f"accuracy needs at least 2 answers, got {len(answers)}")
    each = {name: _figures(answers[:, i], targets[:, i], per_unit) for i, name in enumerate(names)}
    return {**_figures(answers.flatten(), targets.flatten(), per_unit), "outputs": each}


def _figures(answers: Tensor, targets: Tensor, per_unit: float) -> dict[str, float]:
    # In double: a coefficient of determination near 1 is a difference of nearly equal sums.
    a, t = answers.double().contiguous() * per_unit, targets.double().contiguous() * per_unit
    return {
        "r2": float(r2_score(a, t)),
        "mae_um": float(mean_absolute_error(a, t)),
        "rmse_um": float(mean_squared_error(a, t, squared=False)),
        "corr": float(pearson_corrcoef(a, t)),
    }
