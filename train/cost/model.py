"""The net: a perceptron with or without skip connections, or an ensemble of them, statistics inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import State
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable
from learn_rt.train.cost.activations import PLAIN, Activation

LEAST_STD = 1e-6  # of an input or output: below it is a constant, and is only shifted


@dataclass
class NetConfig:
    """Sizes of the net."""

    layers: list[int] = field(default_factory=lambda: [64, 32])
    residual: bool = True  # every layer but the first adds its input: as it is, or projected to the layer's size
    activation: Activation = Activation.gelu
    members: int = 1  # nets of an ensemble; above 1 the answer has a spread

    def __post_init__(self) -> None:
        # Also of what a checkpoint asks for, before memory is taken.
        if not 1 <= len(self.layers) <= 32:
            raise ValueError(f"net.layers must be 1 to 32 sizes, got {len(self.layers)}")
        for size in self.layers:
            within("net.layers", size, 1, 4096)
        within("net.members", self.members, 1, 64)


class Linear(nn.Module):
    """One linear map of every member: weight (members, n_in, n_out), bias (members, 1, n_out)."""

    def __init__(self, n_in: int, n_out: int, members: int) -> None:
        super().__init__()
        drawn = [nn.init.xavier_uniform_(torch.empty(n_in, n_out)) for _ in range(members)]
        self.weight = nn.Parameter(torch.stack(drawn))
        self.bias = nn.Parameter(torch.zeros(members, 1, n_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return (members, batch, n_out) for x (members, batch, n_in)."""
        return torch.baddbmm(self.bias, x, self.weight)

    def member(self, i: int, x: Tensor) -> Tensor:
        """Return one member's (batch, n_out) for x (batch, n_in): a plain matrix product, for the exported graph."""
        return F.linear(x, self.weight[i].t(), self.bias[i, 0])


class Layer(nn.Module):
    """A linear map and an activation; `skips`: its input is added, through `project` where the sizes differ."""

    def __init__(self, n_in: int, n_out: int, members: int, skips: bool) -> None:
        super().__init__()
        self.linear = Linear(n_in, n_out, members)
        self.skips = skips
        self.project = Linear(n_in, n_out, members) if skips and n_in != n_out else None


class CostNet(Servable):
    """Costs in their units from raw features; of an ensemble the members' mean and spread of each cost.

    The layers work in standard scores: `x_mean`, `x_std`, `y_mean`, `y_std` are buffers.
    """

    def __init__(self, n_inputs: int, n_outputs: int, config: NetConfig) -> None:
        super().__init__()
        self.config = config
        self.x_mean: Tensor
        self.x_std: Tensor
        self.y_mean: Tensor
        self.y_std: Tensor
        for name, size in (("x", n_inputs), ("y", n_outputs)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_std", torch.ones(size))
        sizes = [n_inputs, *config.layers]
        self.layers = nn.ModuleList(
            Layer(a, b, config.members, config.residual and i > 0) for i, (a, b) in enumerate(pairwise(sizes))
        )
        self.head = Linear(sizes[-1], n_outputs, config.members)

    def forward(self, x: Tensor) -> Tensor:
        """Return costs (batch, n_outputs) for raw features (batch, n_inputs).

        Of an ensemble (batch, 2 n_outputs): the mean of each cost, then the standard deviation of each among the
        members.
        """
        scores = (x - self.x_mean) / self.x_std
        answers = torch.stack([self._member(i, scores) for i in range(self.config.members)])
        mean = answers.mean(0)
        cost = mean * self.y_std + self.y_mean
        if self.config.members == 1:
            return cost
        spread = (answers - mean).square().mean(0).sqrt() * self.y_std
        return torch.cat([cost, spread], 1)

    def states(self) -> tuple[State, ...]:
        """Return no states: the net is pointwise."""
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer,): a step is the whole function."""
        return (self(x),)

    def scores(self, x: Tensor) -> Tensor:
        """Return the normalised answers (members, batch, n_outputs) to normalised features (members, batch, n_inputs).

        The function that is trained, all members at once.
        """
        activation = PLAIN[self.config.activation]
        for layer in self.stack():
            value = activation(layer.linear(x))
            if layer.skips:
                value = value + (x if layer.project is None else layer.project(x))
            x = value
        answers: Tensor = self.head(x)
        return answers

    @torch.no_grad()
    def normalize(self, x: Tensor, y: Tensor) -> None:
        """Set the statistics from raw features (n, n_inputs) and costs (n, n_outputs)."""
        for name, values in (("x", x), ("y", y)):
            std, mean = torch.std_mean(values.double(), 0, correction=0)
            constant = ~(std > LEAST_STD)  # of one sample too, whose std is not a number in the usual definition
            getattr(self, f"{name}_mean").copy_(mean)
            getattr(self, f"{name}_std").copy_(torch.where(constant, 1.0, std))

    def stack(self) -> Iterator[Layer]:
        """Yield the layers below the head."""
        for layer in self.layers:
            assert isinstance(layer, Layer)
            yield layer

    def _member(self, i: int, x: Tensor) -> Tensor:
        """Return one member's normalised answers (batch, n_outputs)."""
        activation = PLAIN[self.config.activation]
        for layer in self.stack():
            value = activation(layer.linear.member(i, x))
            if layer.skips:
                value = value + (x if layer.project is None else layer.project.member(i, x))
            x = value
        return self.head.member(i, x)
