"""What training minimises: a robust error, L1, L2 and a gradient penalty, all in normalised units.

    loss = w_recon mean L(r) + w_l1 mean |theta| + w_l2 mean theta^2 + w_grad mean ||dy/dx||^2

Of an ensemble, the mean over its members, so that each trains as if alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from learn_rt.train.core.config import within
from learn_rt.train.cost.gradient import Passes
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

    def at(self, epoch: int) -> Recon:
        """Return the loss of an epoch."""
        return self.recon_type if epoch >= self.recon_start_epoch else Recon.huber


class Objective(nn.Module):
    """The loss of a batch and its terms, unweighted. `epoch` decides which loss it is."""

    def __init__(self, module: CostNet, config: LossConfig, analytic: bool = True) -> None:
        """Args: analytic: gradients by hand; else autograd's, slower, which follow the trainer's mixed precision."""
        super().__init__()
        self.module, self.config, self.epoch = module, config, 0
        self._analytic, self._factors = analytic, None

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss and its terms.

        Args: x: (batch, n_inputs), y: (batch, n_outputs), normalised; weight: (batch, members) of a sample in each
        member's error, 1 on average; None: all 1.
        """
        weight = None if weight is None else weight.t().unsqueeze(-1)
        if self._analytic:
            loss, terms = _Analytic.apply(self, x, y, weight, *self.module.parameters())
        else:
            terms = self.terms(x, y, weight)
            loss = torch.dot(self._weights(terms), terms)
        return {"loss": loss, **dict(zip(TERMS, terms.detach().unbind(), strict=True))}

    def terms(self, x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
        """Return the unweighted terms (4,), for autograd; weight: (members, batch, 1)."""
        c = self.config
        x = x.expand(self.module.config.members, -1, -1)
        slopes = x.new_zeros(())
        if c.grad_weight:
            with torch.enable_grad():
                x = x.detach().requires_grad_()
                answers = self.module.scores(x)
                for answer in answers.unbind(-1):
                    (slope,) = torch.autograd.grad(answer.sum(), x, create_graph=True)
                    slopes = slopes + slope.square().sum(-1).mean()
        else:
            answers = self.module.scores(x)
        error, _ = LOSSES[c.at(self.epoch)](answers - y, c.recon_delta)
        theta = torch.cat([p.flatten() for p in self.module.parameters()])
        mean = (error if weight is None else error * weight).mean()
        return torch.stack([mean, theta.abs().mean(), theta.square().mean(), slopes])

    def by_hand(self, x: Tensor, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the unweighted terms (4,) and the loss' gradient of all parameters, flat, in their order."""
        c, members = self.config, self.module.config.members
        passes = Passes(self.module, x.expand(members, -1, -1))
        error, slope = LOSSES[c.at(self.epoch)](passes.answers - y, c.recon_delta)
        if weight is not None:
            error, slope = error * weight, slope * weight
        gradient = error.new_zeros(())
        if c.grad_weight:
            to_input, samples = passes.input_gradient(), members * x.shape[0]
            gradient = to_input.square().sum() / samples
            passes.penalize(to_input * (2.0 * c.grad_weight / samples))
        found = passes.gradients(slope * (c.recon_weight / slope.numel()))
        flat = torch.cat([part.flatten() for part in found])
        theta = torch.cat([p.flatten() for p in self.module.parameters()])
        n = len(theta)
        flat.add_(theta, alpha=2.0 * c.l2_weight / n).add_(theta.sign(), alpha=c.l1_weight / n)
        sums = torch.linalg.vector_norm(theta, 1), torch.dot(theta, theta)
        return torch.stack([error.mean(), sums[0] / n, sums[1] / n, gradient]), flat

    def _weights(self, like: Tensor) -> Tensor:
        c = self.config
        if self._factors is None or self._factors.device != like.device or self._factors.dtype != like.dtype:
            self._factors = like.new_tensor([c.recon_weight, c.l1_weight, c.l2_weight, c.grad_weight])
        return self._factors


class _Analytic(torch.autograd.Function):
    """Gives autograd the gradient that was computed with the loss."""

    @staticmethod
    def forward(
        ctx: Any, objective: Objective, x: Tensor, y: Tensor, weight: Tensor | None, *parameters: Tensor
    ) -> tuple[Tensor, Tensor]:
        terms, ctx.flat = objective.by_hand(x, y, weight)
        ctx.shapes = [p.shape for p in parameters]
        ctx.mark_non_differentiable(terms)
        return torch.dot(objective._weights(terms), terms), terms

    @staticmethod
    @once_differentiable  # type: ignore[misc]
    def backward(ctx: Any, adjoint: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        parts = ctx.flat.mul_(adjoint).split([shape.numel() for shape in ctx.shapes])
        return (None, None, None, None, *(part.view(shape) for part, shape in zip(parts, ctx.shapes, strict=True)))
