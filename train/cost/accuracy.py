"""How far costs are off, of each output in its unit and of all in standard deviations."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SHOWN = 512  # pairs


def accuracy(answers: Tensor, targets: Tensor, std: Tensor, names: tuple[str, ...]) -> dict[str, Any]:
    """Return nrmse, r2, mae, rmse, corr of each output in `outputs`; over all of them nrmse and r2, their means.

    nrmse is the RMSE over the output's standard deviation in the training data.

    Args: answers: (n, n_outputs), or of an ensemble (n, 2 n_outputs), then with the spreads: `spread` is their mean,
    `within_2_spreads` the share of errors that small; targets: (n, n_outputs); std: (n_outputs,).
    """
    n = len(names)
    outputs = {}
    for i, name in enumerate(names):
        figures = _figures(answers[:, i].double(), targets[:, i].double(), float(std[i]))
        if answers.shape[1] > n:
            error, spread = (answers[:, i] - targets[:, i]).abs(), answers[:, n + i]
            figures |= {"spread": float(spread.mean()), "within_2_spreads": float((error <= 2 * spread).float().mean())}
        outputs[name] = figures
    pooled = {key: sum(o[key] for o in outputs.values()) / n for key in ("nrmse", "r2")}
    return {**pooled, "rollouts": len(targets), "outputs": outputs}


def pairs(answers: Tensor, targets: Tensor, names: tuple[str, ...]) -> dict[str, dict[str, list[float]]]:
    """Return up to 512 targets and answers (and spreads) of each output, for a picture."""
    n, found = len(names), {}
    some = torch.linspace(0, len(targets) - 1, min(SHOWN, len(targets))).long()
    for i, name in enumerate(names):
        found[name] = {"target": targets[some, i].tolist(), "answer": answers[some, i].tolist()}
        if answers.shape[1] > n:
            found[name]["spread"] = answers[some, n + i].tolist()
    return found


def _figures(answers: Tensor, targets: Tensor, std: float) -> dict[str, float]:
    error = answers - targets
    rmse = float(error.square().mean().sqrt())
    spread = float((targets - targets.mean()).square().mean())
    both = torch.stack([answers, targets])
    varies = len(targets) > 1 and bool((both.std(1) > 0).all())
    return {
        "nrmse": rmse / std,
        "r2": 1.0 - rmse * rmse / spread if spread > 0 else 0.0,
        "mae": float(error.abs().mean()),
        "rmse": rmse,
        "corr": float(torch.corrcoef(both)[0, 1]) if varies else 0.0,
    }
