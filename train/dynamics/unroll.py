"""A rollout with gradients: the same answers as the module's forward, at less than half of its steps."""

from __future__ import annotations

import torch
from torch import Tensor

from learn_rt.train.dynamics.model import DynamicsNet


def unroll(module: DynamicsNet, x: Tensor, actions: Tensor) -> Tensor:
    """Return the next states (batch, horizon, S) after windows (batch, window, S + A) and actions (batch, horizon, A).

    Prediction k needs the net's states after `window` rows from row k on. All starts advance together over the rows
    they share, so that window + horizon - 1 batched steps do the work of window * horizon.
    """
    batch, window, _ = x.shape
    horizon, n = actions.shape[1], module.layout.n_state
    zeros = {s.name: x.new_zeros(batch, *s.shape) for s in module.states() if s.name != "tail"}
    lanes = {name: zero[:0] for name, zero in zeros.items()}  # (lanes * batch, ...), the oldest lane first
    rows = list(x.unbind(1))
    for t in range(window + horizon - 1):
        if t < horizon:
            lanes = {name: torch.cat([lane, zeros[name]]) for name, lane in lanes.items()}
        n_lanes = min(t + 1, horizon, window, window + horizon - 1 - t)
        lanes = module.advance(rows[t].repeat(n_lanes, 1), rows[max(t - 1, 0)].repeat(n_lanes, 1), lanes)
        if t >= window - 1:
            delta = module.change({name: lane[:batch] for name, lane in lanes.items()})
            delta = delta + module.linear_change(torch.stack(rows[t - window + 1 :], 1))
            action = actions[:, min(t - window + 2, horizon - 1)]
            rows.append(torch.cat([module.moved(rows[t], delta), action], 1))
            lanes = {name: lane[batch:] for name, lane in lanes.items()}
    return torch.stack([row[:, :n] for row in rows[window:]], 1)
