"""The pose net: physical parameters and the phase in, the pose out; normalization and phase encoding inside."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor, nn

from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable
from learn_rt.train.gait.parameters import MOST, Parameters
from learn_rt.train.gait.pose import N_POSE


@dataclass
class PoseNetConfig:
    """Sizes of the net."""

    hidden: list[int] = field(default_factory=lambda: [512, 512, 512])
    n_parameters: int = 0  # 0: as many as the data has

    def __post_init__(self) -> None:
        if not 1 <= len(self.hidden) <= 32:
            raise ValueError(f"net.hidden must hold 1 to 32 widths, got {len(self.hidden)}")
        for width in self.hidden:
            within("net.hidden", width, 1, 8192)
        within("net.n_parameters", self.n_parameters, 0, MOST)


class PoseNet(Servable):
    """A perceptron of [(p - low) / span, sin 2 pi phase, cos 2 pi phase].

    `fc` holds Linear, ReLU, Linear, ..., Linear: the layout that published weights have.
    """

    low: Tensor
    span: Tensor

    def __init__(self, config: PoseNetConfig) -> None:
        super().__init__()
        n = config.n_parameters
        if n < 1:
            raise ValueError("net.n_parameters must be at least 1")
        widths = [n + 2, *config.hidden, N_POSE]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.fc = nn.Sequential(*layers[:-1])
        for layer in self.linear():
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
        self.register_buffer("low", torch.zeros(n))
        self.register_buffer("span", torch.ones(n))

    def linear(self) -> list[nn.Linear]:
        """Return the linear layers, first to last."""
        return [layer for layer in self.fc if isinstance(layer, nn.Linear)]

    @torch.no_grad()
    def normalize(self, parameters: Parameters) -> None:
        """Set the ranges that parameters are normalised by."""
        self.low.copy_(torch.from_numpy(parameters.low))
        self.span.copy_(torch.from_numpy(parameters.high - parameters.low))

    def forward(self, x: Tensor) -> Tensor:
        """Return poses (batch, 101) for samples (batch, P + 1): physical parameters, and the phase [cycles]."""
        pose: Tensor = self.fc(self.encode(x))
        return pose

    def encode(self, x: Tensor) -> Tensor:
        """Return what the perceptron sees (batch, P + 2)."""
        n = self.low.shape[0]
        turn = x[:, n:] * (2.0 * math.pi)
        return torch.cat([(x[:, :n] - self.low) / self.span, torch.sin(turn), torch.cos(turn)], 1)

    @torch.no_grad()
    def rounding(self, x: Tensor) -> Tensor:
        """Return four standard deviations (batch,) of what float32 leaves of the answers' sums.

        Rounding errors are taken for independent (Higham and Mary, 2019): n additions to a sum leave a variance of
        n u^2 / 3 times its square, u = 2^-24, half as much while it grows. K products are summed in eight lanes or
        more. Layers hand on what they got, as they hand on values.
        """
        values = self.encode(x)
        # The encoding's own: of sine and cosine as much as their argument's.
        turn = (2.0 * math.pi * x[:, -1:]).square()
        variance = torch.cat([values[:, :-2].square(), turn, turn], 1) * 2.0**-48
        layers = self.linear()
        for i, layer in enumerate(layers):
            square, sums = layer.weight.square(), layer(values)
            spread = nn.functional.linear(values.square(), square) + sums.square()
            own = (layer.in_features / 8 + 8) * 2.0**-48 / 6
            variance = nn.functional.linear(variance, square) + own * spread
            if i + 1 < len(layers):
                variance, values = variance * (sums > 0), sums.relu()
        return 4.0 * variance.amax(1).sqrt()
