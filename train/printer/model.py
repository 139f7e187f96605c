"""The corrector: a linear path over the window beside a recurrent net, with its statistics inside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Scope, State
from learn_rt.train.core.servable import Servable

X, Y, Z, VX, VY = range(5)  # a raw sample: position [mm] and velocity [mm/s] of the planned path


@dataclass(frozen=True)
class OffsetNetConfig:
    """Sizes of the net. `steps` samples with an increment make the window, so a raw window holds `steps` + 1."""

    steps: int = 48
    preview: int = 24  # ticks: the answer is for the sample that many before the newest
    dt_s: float = 0.002
    front_size: int = 32
    hidden_size: int = 56
    num_layers: int = 2
    dropout: float = 0.0
    # Path over the window, |dx| + |dy| summed [mm], from which the net counts in full; at rest it counts nothing.
    gate_mm: float = 0.05


class OffsetNet(Servable):
    """Command offsets (offset_x, offset_y) [mm] from the planned path, exactly zero for a standing window.

    Each step of the window sees velocities and position increments (sampled velocity alone loses what happens between
    two samples). The linear path sees them over the whole window and does what is linear in the plant. The net also
    sees absolute position and height; a gate that the path's length opens makes it zero at rest.
    """

    def __init__(self, config: OffsetNetConfig) -> None:
        super().__init__()
        self.config = config
        n = 7  # vx, vy, dx/dt, dy/dt, x, y, z
        self.mean: Tensor
        self.std: Tensor
        self.target_std: Tensor
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("std", torch.ones(n))
        self.register_buffer("target_std", torch.ones(2))
        self.linear = nn.Linear(4 * config.steps, 2, bias=False)
        self.front = nn.Linear(n, config.front_size)
        self.norm = nn.LayerNorm(config.front_size)
        self.lstm = nn.LSTM(
            config.front_size,
            config.hidden_size,
            config.num_layers,
            batch_first=True,
            dropout=config.dropout if config.num_layers > 1 else 0.0,
        )
        self.head = nn.Linear(config.hidden_size, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Return offsets (batch, 2) [mm] for raw windows (batch, steps + 1, 5)."""
        velocity, increment = x[:, 1:, VX:], x[:, 1:, :Z] - x[:, :-1, :Z]
        hidden, _ = self.lstm(self._front(velocity, increment, x[:, 1:, :VX]))
        linear = F.linear(torch.cat([velocity, increment], -1).flatten(1), self.linear.weight)
        return linear + self._gate(increment.abs().sum((1, 2))) * self._head(hidden[:, -1])

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) [mm] of what float32 costs the linear path."""
        increment = x[:, 1:, :Z] - x[:, :-1, :Z]
        terms = torch.cat([x[:, 1:, VX:], increment], -1).flatten(1).abs()
        n_terms, eps = terms.shape[1], torch.finfo(torch.float32).eps
        return 2.0 * n_terms * eps * F.linear(terms, self.linear.weight.abs()).amax(1)

    def states(self) -> tuple[State, ...]:
        """Return the states of one step: shared by all lanes `tail`, the rest a lane's own."""
        c = self.config
        cells = [State(f"{s}{i}", (c.hidden_size,), Scope.LANE) for i in range(c.num_layers) for s in "hc"]
        return (State("tail", (c.steps, 5), Scope.STREAM), State("started", (1,), Scope.LANE), *cells)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (offsets, tail, started, h0, c0, ...) after one raw sample (batch, 5).

        A lane's first sample only gives the next one its increment: `started` keeps its cells at zero. What is linear
        in the tail is kept apart from what needs the new sample, so that it can be done before the sample comes.
        """
        tail, started, *cells = states
        increment, velocity = x[:, :Z] - tail[:, -1, :Z], x[:, VX:]
        hidden = self._front(velocity, increment, x[:, :VX])
        following: list[Tensor] = []
        for layer in range(self.config.num_layers):
            h, c = self._cell(layer, hidden, cells[2 * layer], cells[2 * layer + 1], started)
            following += [h, c]
            hidden = h
        past_velocity, past_increment = tail[:, 1:, VX:], tail[:, 1:, :Z] - tail[:, :-1, :Z]
        weight = self.linear.weight
        linear = F.linear(torch.cat([past_velocity, past_increment], -1).flatten(1), weight[:, :-4])
        linear = linear + F.linear(torch.cat([velocity, increment], -1), weight[:, -4:])
        path = past_increment.abs().sum((1, 2)) + increment.abs().sum(1)
        answer = linear + self._gate(path) * self._head(hidden)
        tail = torch.cat([tail[:, 1:], x.unsqueeze(1)], 1)
        return (answer, tail, torch.ones_like(started), *following)

    def _front(self, velocity: Tensor, increment: Tensor, position: Tensor) -> Tensor:
        features = torch.cat([velocity, increment * (1.0 / self.config.dt_s), position], -1)
        return torch.relu(self.norm(self.front((features - self.mean) / self.std)))

    def _head(self, hidden: Tensor) -> Tensor:
        return self.head(hidden) * self.target_std

    def _gate(self, path: Tensor) -> Tensor:
        return torch.clamp(path * (1.0 / self.config.gate_mm), max=1.0).unsqueeze(-1)

    def _cell(self, layer: int, x: Tensor, h: Tensor, c: Tensor, started: Tensor) -> tuple[Tensor, Tensor]:
        """One LSTM cell, written out so that the recurrent half is a node of its own in the step graph."""
        w = {k: getattr(self.lstm, f"{k}_l{layer}") for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        recurrent = F.linear(h, w["weight_hh"], w["bias_ih"] + w["bias_hh"])
        i, f, g, o = (F.linear(x, w["weight_ih"]) + recurrent).chunk(4, 1)
        c = (torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)) * started
        return torch.sigmoid(o) * torch.tanh(c), c
