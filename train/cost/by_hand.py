"""The objective with its gradient by hand, and all weights in one vector: a step is a third of the naive one's work."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from learn_rt.train.cost.gradient import Passes, weights_of
from learn_rt.train.cost.losses import LOSSES, Recon
from learn_rt.train.cost.model import CostNet
from learn_rt.train.cost.objective import TERMS, LossConfig

MAX_TRACES = 8  # shapes of batches, and losses, that are run without Python


class ObjectiveByHand(nn.Module):
    """What `Objective` is, in float32 or float64 without mixed precision.

    `theta` is its only parameter, so that the optimizer and the penalties on weights take one operation each. The
    module's weights are views of it; the module is therefore not a part of this one, for which PyTorch would move it
    elsewhere.
    """

    module: CostNet

    def __init__(self, module: CostNet, config: LossConfig, direct: bool = False) -> None:
        """Args: direct: put the gradient into `theta.grad` at once, as one batch a step and one process allow."""
        super().__init__()
        self.config, self.epoch, self._direct = config, 0, direct
        self.__dict__["module"] = module
        self.theta = nn.Parameter(torch.cat([p.detach().flatten() for p in module.parameters()]))
        self._link()

    def forward(self, x: Tensor, y: Tensor, weight: Tensor | None = None) -> dict[str, Tensor]:
        """Return the loss and its terms, as `Objective` does."""
        if self._direct and self.training and not torch.distributed.is_initialized():
            terms, self.theta.grad = self.gradient(x, y, weight)
            loss = torch.dot(self._factors, terms)
        else:
            loss, terms = _WithGradient.apply(self.theta, self, x, y, weight)
        return {"loss": loss, **dict(zip(TERMS, terms.unbind(), strict=True))}

    def gradient(self, x: Tensor, y: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the terms (4,), and the loss' gradient, laid out as theta."""
        given = (self.theta.detach(), x, y) + (() if weight is None else (weight,))
        recon = self.config.at(self.epoch)
        if not self._direct or x.device.type != "cpu":
            return self._computed(recon, *given)
        key = (recon, *(part.shape for part in given))
        if key not in self._traced:
            if len(self._traced) >= MAX_TRACES:  # batches of ever other sizes: the first ones stay
                return self._computed(recon, *given)
            self._traced[key] = _traced(lambda *given: self._computed(recon, *given), given)
        found: tuple[Tensor, Tensor] = self._traced[key](*given)
        return found

    def _computed(
        self, recon: Recon, theta: Tensor, x: Tensor, y: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        c, members = self.config, self.module.config.members
        parts = [part.view(s) for s, part in zip(self._shapes, theta.split(self._sizes), strict=True)]
        weights = weights_of(self.module, parts)
        passes = Passes(*weights, self.module.config.activation, x.expand(members, -1, -1))
        error, slope = LOSSES[recon](passes.answers - y, c.recon_delta)
        if weight is not None:
            by_member = weight.t().unsqueeze(-1)
            error, slope = error * by_member, slope * by_member
        # A number also where the tracer would have a tensor, whose quotients are float32.
        samples, penalty = members * int(x.shape[0]), self._none
        if c.grad_weight:
            to_input = passes.input_gradient()
            flat = to_input.view(-1)
            penalty = torch.dot(flat, flat)
            passes.penalize(to_input.mul_(2.0 * c.grad_weight / samples))
        found = torch.cat(
            [part.flatten() for part in passes.gradients(slope.mul_(c.recon_weight / int(slope.numel())))]
        )
        n = sum(self._sizes)
        found.add_(theta, alpha=2.0 * c.l2_weight / n).add_(theta.sign(), alpha=c.l1_weight / n)
        sums = [error.mean(), torch.linalg.vector_norm(theta, 1), torch.dot(theta, theta), penalty]
        return torch.stack(sums).mul_(self._shares(samples)), found

    def _apply(self, change: Callable[[Tensor], Tensor], recurse: bool = True) -> ObjectiveByHand:
        super()._apply(change, recurse)
        self.module._apply(change)
        self._link()
        return self

    def _link(self) -> None:
        """Make the module's weights views of theta."""
        at = 0
        for p in self.module.parameters():
            p.data = self.theta.data[at : at + p.numel()].view(p.shape)
            at += p.numel()
        self._factors = self.theta.detach().new_tensor(self.config.weights)
        self._none = self.theta.detach().new_zeros(())
        self._by_samples: dict[int, Tensor] = {}
        self._traced: dict[Any, Any] = {}
        self._shapes = [tuple(p.shape) for p in self.module.parameters()]
        self._sizes = [p.numel() for p in self.module.parameters()]

    def _shares(self, samples: int) -> Tensor:
        """Return what turns sums into means, for a batch of so many samples of all members."""
        if samples not in self._by_samples:
            n = sum(self._sizes)
            self._by_samples[samples] = self._none.new_tensor([1.0, 1.0 / n, 1.0 / n, 1.0 / samples])
        return self._by_samples[samples]


def _traced(function: Callable[..., Any], given: tuple[Tensor, ...]) -> Any:
    """Return the function as a list of operations, which runs without Python: the same ones, so the same bits."""
    function(*given)  # constants that are kept must not be made while tracing
    with warnings.catch_warnings():
        # TorchScript is not developed further; sizes are constants here, which the tracer takes for a mistake.
        warnings.simplefilter("ignore")
        return torch.jit.trace(function, given, check_trace=False)


class _WithGradient(torch.autograd.Function):
    """Gives autograd the gradient that was computed with the loss."""

    @staticmethod
    def forward(
        ctx: Any, theta: Tensor, objective: ObjectiveByHand, x: Tensor, y: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        terms, ctx.found = objective.gradient(x, y, weight)
        ctx.mark_non_differentiable(terms)
        return torch.dot(objective._factors, terms), terms

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, adjoint: Tensor, _: Tensor) -> tuple[Tensor, None, None, None, None]:
        return ctx.found.mul_(adjoint), None, None, None, None
