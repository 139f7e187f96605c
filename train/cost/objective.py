"""What training minimises: a robust error, L1, L2 and a gradient penalty, all in normalised units.

    loss = w_recon mean L(r) + w_l1 mean |theta| + w_l2 mean theta^2 + w_grad mean ||dy/dx||^2

Of an ensemble, the mean over its members, so that each trains as if alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from learn_rt.train.core.config import within
from learn_rt.train.cost.losses import LOSSES, Recon
from learn_rt.train.cost.model import CostNet

TERMS = ("loss/reconstruction", "loss/l1", "loss/l2", "loss/gradient")


@dataclass
class LossConfig:
    """The terms and their weights."""

    recon_type: Recon = Recon.huber
    recon_delta: float = 1.0  # standard deviations of the output
    recon_start_epoch: int = 0  # Huber until then: an outlier-blind loss needs a start that is near
    recon_weight: float = 10.0
    l1_weight: float = 1e-3
    l2_weight: float = 1e-3
    grad_weight: float = 1e-2

    def __post_init__(self) -> None:
        within("loss.recon_delta", self.recon_delta, 1e-6, 1e6)
        within("loss.recon_start_epoch", self.recon_start_epoch, 0)
        for name in ("recon_weight", "l1_weight", "l2_weight", "grad_weight"):
            within(f"loss.{name}", getattr(self, name), 0, 1e6)

    @property
    def weights(self) -> tuple[float, float, float, float]:
        """Those of the terms, in the order of TERMS."""
        return self.recon_weight, self.l1_weight, self.l2_weight, self.grad_weight

    def at(self, epoch: int) -> Recon:
        """Return the loss of an epoch."""
        return self.recon_type if epoch >= self.recon_start_epoch else Recon.huber


class Objective(nn.Module):
    """The loss of a batch and its terms, for autograd. `epoch` decides which loss it is."""

    def __init__(self, module: CostNet, config: LossConfig) -> None:
        super().__init__()
        self.module, self.config, self.epoch = module, config, 0
        self.factors: Tensor
        self.register_buffer("factors", torch.tensor(config.weights, dtype=torch.float64), persistent=False)

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss and its terms, unweighted.

        Args: x: (batch, n_inputs), y: (batch, n_outputs), normalised; weight: (batch, members) of a sample in each
        member's error, 1 on average; None: all 1.
        """
        c, net = self.config, self.module
        x = x.expand(net.config.members, -1, -1)
        slopes = x.new_zeros(())
        if c.grad_weight:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                answers = net.scores(x)
                for answer in answers.unbind(-1):
                    (slope,) = torch.autograd.grad(answer.sum(), x, create_graph=True)
                    slopes = slopes + slope.square().sum(-1).mean()
        else:
            answers = net.scores(x)
        error, _ = LOSSES[c.at(self.epoch)](answers - y, c.recon_delta)
        if weight is not None:
            error = error * weight.t().unsqueeze(-1)
        theta = torch.cat([p.flatten() for p in net.parameters()])
        terms = torch.stack([error.mean(), theta.abs().mean(), theta.square().mean(), slopes])
        return {
            "loss": torch.dot(self.factors.to(terms), terms),
            **dict(zip(TERMS, terms.detach().unbind(), strict=True)),
        }
