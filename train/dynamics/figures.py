"""How far rollouts go astray, step by step, beside a linear autoregression and standing still."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from learn_rt.train.dynamics.baseline import LinearAutoregression
from learn_rt.train.dynamics.model import DynamicsNet
from learn_rt.train.dynamics.unroll import unroll
from learn_rt.train.dynamics.windows import Windows


@torch.no_grad()
def rollout_errors(
    module: DynamicsNet, data: Windows, baseline: LinearAutoregression | None, std: Tensor, count: int | None = None
) -> Tensor:
    """Return errors (3, windows, horizon, S) over `std`: the net's, the baseline's, and of standing still.

    With `count`, of at most so many windows, evenly spread.
    """
    window, n = module.config.window, module.layout.n_state
    errors = []
    for chosen in torch.linspace(0, len(data) - 1, min(len(data), count or len(data))).round().long().split(4096):
        rows = data.take(chosen)
        x, actions, truth = rows[:, :window], rows[:, window - 1 : -1, n:], rows[:, window:, :n]
        still = x[:, -1:, :n].expand_as(truth)
        linear = still if baseline is None else baseline.predict(x, actions).to(truth.dtype)
        errors.append((torch.stack([unroll(module, x, actions), linear, still]) - truth) / std)
    return torch.cat(errors, 1)


def figures(
    module: DynamicsNet, data: Windows, baseline: LinearAutoregression, std: Tensor, names: Sequence[str]
) -> dict[str, Any]:
    """Return mean squared and mean absolute errors of standardised states, over all steps and step by step.

    `std` (S,) are the training rows' standard deviations, of which all errors are told in. `linear` is the share of the
    linear autoregression's mean squared error, at the first and the last step.
    """
    errors = rollout_errors(module, data, baseline, std).double()
    mse, mae = errors.square().mean(1), errors.abs().mean(1)  # (3, horizon, S)
    ours, linear, still = mse.mean(2)

    def scalars(i: slice) -> dict[str, float]:
        squared, absolute = mse[:, :, i].mean(2), mae[0, :, i].mean(1)
        return {
            "rmse": float(squared[0].mean().sqrt()),
            "mse_first": float(squared[0, 0]),
            "mse_last": float(squared[0, -1]),
            "mae_first": float(absolute[0]),
            "mae_last": float(absolute[-1]),
            "linear_first": _share(squared[0, 0], squared[1, 0]),
            "linear_last": _share(squared[0, -1], squared[1, -1]),
        }

    steps = {"mse": ours, "mae": mae[0].mean(1), "mse_linear": linear, "mse_still": still}
    return {
        **scalars(slice(None)),
        "horizon": data.length - module.config.window,
        "outputs": {name: scalars(slice(i, i + 1)) for i, name in enumerate(names)},
        "steps": {key: value.tolist() for key, value in steps.items()},
        "steps_of": {
            name: {"mse": mse[0, :, i].tolist(), "mae": mae[0, :, i].tolist()} for i, name in enumerate(names)
        },
        "std": dict(zip(names, std.tolist(), strict=True)),
        "windows": len(data),
    }


@torch.no_grad()
def examples(module: DynamicsNet, data: Windows, count: int) -> list[dict[str, Any]]:
    """Return the rollouts of `count` windows, in the outputs' units: history, truth and prediction, rows of states."""
    if not count:
        return []
    window, n = module.config.window, module.layout.n_state
    rows = data.spread(count)
    answers = unroll(module, rows[:, :window], rows[:, window - 1 : -1, n:])
    return [
        {"history": w[:window, :n].tolist(), "truth": w[window:, :n].tolist(), "prediction": y.tolist()}
        for w, y in zip(rows.cpu(), answers.cpu(), strict=True)
    ]


def _share(value: Tensor, of: Tensor) -> float:
    """Return value / of, zero where both are."""
    return float(value / of) if float(of) > 0 else 0.0
