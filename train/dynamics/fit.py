"""What is set before training: the scales of everything the net sees and answers, and the linear path's weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from learn_rt.train.dynamics.model import DynamicsNet
from learn_rt.train.dynamics.windows import Windows

MANY = 50_000  # windows say no more about scales than these
RIDGE = 1e-3  # of the linear path, over its inputs' mean square: more only blunts it, less makes its weights large


@torch.no_grad()
def fit_scales(module: DynamicsNet, train: Windows, velocity_scale: Sequence[float] = ()) -> None:
    """Set the module's scales from training windows. A velocity is divided by its `velocity_scale`, where given."""
    layout, window = module.layout, module.config.window
    x = train.spread(MANY)
    seen = layout.seen(x[:, :window], module.transform).flatten(0, 1)
    n_free = seen.shape[1] - layout.nv - layout.nu  # what stands for the positions
    mean, scale = torch.zeros_like(seen[0]), _rms(seen)
    n_pairs = 0 if module.transform else 2 * len(layout.angles)
    scale[:n_pairs] = 1.0
    mean[n_pairs:n_free] = seen[:, n_pairs:n_free].mean(0)
    scale[n_pairs:n_free] = _rms(seen[:, n_pairs:n_free] - mean[n_pairs:n_free])
    if velocity_scale:
        if len(velocity_scale) != layout.nv or min(velocity_scale) <= 0:
            raise ValueError(f"velocity_scale must be {layout.nv} numbers above 0, got {list(velocity_scale)}")
        scale[n_free : n_free + layout.nv] = torch.tensor(velocity_scale)
    increments = _rms((x[:, 1:window, : layout.nq] - x[:, : window - 1, : layout.nq]).flatten(0, 1))
    relative = []
    if module.n_coordinates:
        coordinates = layout.coordinate(x[:, :window])
        relative.append(_rms((coordinates - coordinates[:, :1]).flatten(0, 1)))
    if module.n_increments:
        relative.append(increments)
    module.input_mean.copy_(mean)
    module.input_scale.copy_(torch.cat([*relative, scale]))
    module.move_scale.copy_(torch.cat([increments, scale[n_free:]]))
    change = _rms(layout.around(_changes(module, x), -1.0))
    first, n = len(layout.coordinates), len(layout.angles)
    change[first : first + n] = change[first + n : first + 2 * n]  # a small turn's cosine hardly changes
    module.delta_scale.copy_(change)


@torch.no_grad()
def fit_linear(module: DynamicsNet, train: Windows) -> None:
    """Set the linear path by least squares on one step; where there is none, nothing is done."""
    if module.linear is None:
        return
    layout, n = module.layout, module.linear.weight.shape[1]
    gram, moment = torch.zeros(n, n, dtype=torch.double), torch.zeros(n, layout.n_delta, dtype=torch.double)
    for chosen in torch.arange(len(train)).split(8192):
        x = train.take(chosen)
        seen = module.moves(x[:, : module.config.window]).flatten(1).double()
        change = (layout.around(_changes(module, x), -1.0) / module.delta_scale).double()
        gram, moment = gram + seen.T @ seen, moment + seen.T @ change
    gram.diagonal().add_(RIDGE * len(train))
    weights = torch.linalg.solve(gram, moment).T
    first, pairs = len(layout.coordinates), len(layout.angles)
    weights[first : first + pairs] = 0.0
    module.linear.weight.copy_(weights)


def _changes(module: DynamicsNet, x: Tensor) -> Tensor:
    n, window = module.layout.n_state, module.config.window
    return module.layout.change(x[:, window - 1, :n], x[:, window, :n])


def _rms(x: Tensor) -> Tensor:
    """Return the root mean square of each column, one where nothing ever changes."""
    found = x.double().square().mean(0).sqrt().float() if len(x) else x.new_zeros(x.shape[1])
    return torch.where(found > 1e-9, found, torch.ones_like(found))
