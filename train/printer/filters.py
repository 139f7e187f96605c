"""The least-squares fit of the corrector's filters: what is linear in the plan, in its direction and in its place."""

from __future__ import annotations

import torch
from torch import Tensor

from learn_rt.train.printer.model import N_SIGNALS, OffsetNet

BLOCK = 8192  # windows at a time
# Of a signal's variance, so that weights do not grow to cancel each other: float32 noise grows with them.
RIDGE = 1e-6


@torch.no_grad()
def fit_filters(module: OffsetNet, signals: Tensor, place: Tensor, targets: Tensor, ends: Tensor) -> None:
    """Set `module.filters` so that the squared error over windows is least, each axis on its own signals.

    Args:
        signals: (stretches, n, 6), from `OffsetNet.signals`; place: (stretches, n, 2), -1 to 1 over the bed.
        targets: (stretches, n, 2) offsets [mm] at their ticks.
        ends: (windows, 2) stretch and newest tick of each window; its answer is for `preview` ticks before.
    """
    c = module.config
    back = torch.arange(c.steps - 1, -1, -1)
    weight = torch.zeros(2, c.degree + 1, c.steps, N_SIGNALS, dtype=torch.float64)
    for axis in range(2):
        own = signals[:, :, axis::2]
        k = c.steps * 3 * (c.degree + 1)
        gram, product = torch.zeros(k, k, dtype=torch.float64), torch.zeros(k, dtype=torch.float64)
        for block in ends.split(BLOCK):
            stretch, end = block[:, 0], block[:, 1]
            window = own[stretch[:, None], end[:, None] - back].flatten(1)
            where = place[stretch, end - c.preview, axis, None]
            terms = torch.cat([window * where**d for d in range(c.degree + 1)], 1)
            # float32 products, summed over the blocks in float64: a block's sum is good to 1e-6, as the ridge is.
            gram += (terms.T @ terms).double()
            product += (terms.T @ targets[stretch, end - c.preview, axis]).double()
        size = gram.diagonal().clamp(min=1e-12 * float(gram.diagonal().max())).sqrt()
        gram = gram / size / size[:, None]
        gram.diagonal().add_(RIDGE)
        solved = torch.linalg.solve(gram, product / size) / size
        weight[axis, :, :, axis::2] = solved.view(c.degree + 1, c.steps, 3)
    module.filters.weight.copy_(weight.flatten(2).flatten(0, 1))
