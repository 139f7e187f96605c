"""The corrector: fitted filters over the window beside a recurrent net, with their statistics inside."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Scope, State
from learn_rt.train.core.cells import lstm_step
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable

X, Y, Z, VX, VY = range(5)  # a raw sample: position [mm] and velocity [mm/s] of the planned path
N_SIGNALS = 6  # a step of the filters: velocity, increment and direction of both axes


@dataclass
class OffsetNetConfig:
    """Sizes of the net. `steps` samples with an increment make the window, so a raw window holds `steps` + 1."""

    steps: int = 48
    preview: int = 24  # ticks: the answer is for the sample that many before the newest
    dt_s: float = 0.002
    degree: int = 2  # of the polynomial in an axis' position by which its filter changes over the bed
    direction_mm_s: float = 0.1  # the direction of motion is tanh(velocity / this): friction's sign, without its jump
    centre_mm: float = 110.0  # of the bed, and
    reach_mm: float = 110.0  # half its size: the polynomial runs in (position - centre) / reach
    front_size: int = 32
    hidden_size: int = 56
    num_layers: int = 2
    dropout: float = 0.0
    # Path over the window, |dx| + |dy| summed [mm], from which the net counts in full; at rest it counts nothing.
    gate_mm: float = 0.05

    def __post_init__(self) -> None:
        # Also of what a checkpoint asks for, before memory is taken.
        within("net.steps", self.steps, 2, 4096)
        for name in ("front_size", "hidden_size"):
            within(f"net.{name}", getattr(self, name), 1, 2048)
        within("net.num_layers", self.num_layers, 1, 8)
        within("net.degree", self.degree, 0, 8)
        within("net.dropout", self.dropout, 0, 0.99)
        for name in ("dt_s", "direction_mm_s", "reach_mm", "gate_mm"):
            within(f"net.{name}", getattr(self, name), 1e-6, 1e6)
        if not 1 <= self.preview < self.steps:
            raise ValueError(f"net.preview must be at least 1 and below net.steps ({self.steps}), got {self.preview}")


class OffsetFilters(Servable):
    """The filters over the window alone: offsets (offset_x, offset_y) [mm] that are linear in what they see.

    What they see is velocities, position increments and the directions of motion; they change with the axis' position
    as a polynomial. Exported by itself, it is small enough to stand in for the whole net inside a client.
    """

    n_signals = N_SIGNALS

    def __init__(self, config: OffsetNetConfig) -> None:
        super().__init__()
        self.config = config
        # Rows: the coefficients of x by rising degree, then those of y.
        self.filters = nn.Linear(N_SIGNALS * config.steps, 2 * (config.degree + 1), bias=False)
        self.filters.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """Return offsets (batch, 2) [mm] for raw windows (batch, steps + 1, 5)."""
        return self.filtered(self.signals(x[:, 1:], x[:, :-1]), x)

    def filtered(self, signals: Tensor, x: Tensor) -> Tensor:
        """Return the filters' offsets (batch, 2) [mm] for raw windows and what they see of them."""
        return self.polynomial(F.linear(signals.flatten(1), self.filters.weight), x[:, -1 - self.config.preview])

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) [mm] of what float32 costs the filters."""
        terms = self.signals(x[:, 1:], x[:, :-1]).flatten(1).abs()
        n_terms, eps = terms.shape[1], torch.finfo(torch.float32).eps
        sizes = F.linear(terms, self.filters.weight.abs()).unflatten(1, (2, -1))
        place = self._place(x[:, -1 - self.config.preview]).abs()
        return 2.0 * n_terms * eps * sum(sizes[:, :, d] * place**d for d in range(sizes.shape[2])).amax(1)

    def signals(self, x: Tensor, before: Tensor) -> Tensor:
        """Return what a step sees (..., 6): velocity, increment / dt [mm/s] and direction of x and y.

        Args: x, before: (..., 5) raw samples and those one tick earlier.
        """
        velocity = x[..., VX:]
        increment = (x[..., :Z] - before[..., :Z]) * (1.0 / self.config.dt_s)
        direction = torch.tanh(velocity * (1.0 / self.config.direction_mm_s))
        return torch.cat([velocity, increment, direction], -1)

    def _place(self, sample: Tensor) -> Tensor:
        return (sample[:, :Z] - self.config.centre_mm) * (1.0 / self.config.reach_mm)

    def polynomial(self, coefficients: Tensor, sample: Tensor) -> Tensor:
        """Return the polynomials (batch, 2) at the position of a raw sample (batch, 5), by Horner's rule."""
        place, n = self._place(sample), self.config.degree + 1
        rows = [torch.cat([coefficients[:, d : d + 1], coefficients[:, n + d : n + d + 1]], 1) for d in range(n)]
        value = rows[-1]
        for row in reversed(rows[:-1]):
            value = value * place + row
        return value


class OffsetNet(OffsetFilters):
    """Command offsets (offset_x, offset_y) [mm] from the planned path, exactly zero for a standing window.

    Filters over the window see velocities, position increments (sampled velocity alone loses what happens between two
    samples) and the directions of motion; they change with the axis' position as a polynomial. A least-squares fit sets
    them: they do what is linear in the plan, in the sign of the motion and in its place. The recurrent net beside them
    sees the same, the absolute position and the height, and learns what is left; a gate that the path's length opens
    makes it zero at rest.
    """

    def __init__(self, config: OffsetNetConfig) -> None:
        super().__init__(config)
        n = N_SIGNALS + 3  # and x, y, z
        self.mean: Tensor
        self.std: Tensor
        self.target_std: Tensor
        self.register_buffer("mean", torch.zeros(n))
        self.register_buffer("std", torch.ones(n))
        self.register_buffer("target_std", torch.ones(2))
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
        self._remember()

    def forward(self, x: Tensor) -> Tensor:
        """Return offsets (batch, 2) [mm] for raw windows (batch, steps + 1, 5)."""
        signals = self.signals(x[:, 1:], x[:, :-1])
        hidden = self.recur(signals, x[:, 1:, :VX])[:, -1]
        return self.filtered(signals, x) + self.gate(way(signals).sum(1)) * self.learned(hidden)

    def linear_path(self) -> tuple[OffsetFilters, int]:
        """Return the filters alone, and how many samples they look back."""
        path = OffsetFilters(self.config)
        path.filters.load_state_dict(self.filters.state_dict())
        return path, self.config.steps + 1

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
        past = self.signals(tail[:, 1:], tail[:, :-1])
        signals = self.signals(x, tail[:, -1])
        hidden, following = lstm_step(self.lstm, self._front(signals, x[:, :VX]), cells, started)
        weight, place = self.filters.weight, tail[:, -self.config.preview]
        early = self.polynomial(F.linear(past.flatten(1), weight[:, :-N_SIGNALS]), place)
        filtered = early + self.polynomial(F.linear(signals, weight[:, -N_SIGNALS:]), place)
        answer = filtered + self.gate(way(past).sum(1) + way(signals)) * self.learned(hidden)
        tail = torch.cat([tail[:, 1:], x.unsqueeze(1)], 1)
        return (answer, tail, torch.ones_like(started), *following)

    @torch.no_grad()
    def normalize(self, samples: Tensor) -> None:
        """Set the statistics of the net's inputs from raw samples (n, 5).

        Velocities and increments share one scale, so that both axes and both ways are alike; directions have none.
        """
        speed = samples[:, VX:].square().mean().sqrt() + 1e-3
        place, spread = samples[:, :VX].mean(0), samples[:, :VX].std(0) + 1e-3
        self.mean.copy_(torch.cat([torch.zeros(N_SIGNALS), place]))
        self.std.copy_(torch.cat([speed.expand(4), torch.ones(2), spread]))

    def recur(self, signals: Tensor, position: Tensor) -> Tensor:
        """Return the recurrent net's last layer (batch, n, hidden) after each of n steps from zero state."""
        hidden: Tensor = self.lstm(self._front(signals, position))[0]
        return hidden

    def learned(self, hidden: Tensor) -> Tensor:
        """Return the net's share of the offsets [mm]."""
        return self.head(hidden) * self.target_std

    def gate(self, way: Tensor) -> Tensor:
        """Return 0 at rest to 1 (..., 1) for the path over the window (...), |dx| + |dy| summed, over dt [mm/s]."""
        return torch.clamp(way * (self.config.dt_s / self.config.gate_mm), max=1.0).unsqueeze(-1)

    @torch.no_grad()
    def _remember(self) -> None:
        """Let cells begin with memories of 1 to `steps` samples (Tallec, Ollivier 2018), the net with small answers.

        The answer is for a sample `preview` ticks back, which a cell of the usual start has long forgotten.
        """
        h = self.config.hidden_size
        for layer in range(self.config.num_layers):
            bias, other = getattr(self.lstm, f"bias_ih_l{layer}"), getattr(self.lstm, f"bias_hh_l{layer}")
            other[: 2 * h] = 0.0
            bias[h : 2 * h] = torch.log(torch.empty(h).uniform_(1.0, self.config.steps - 1.0))
            bias[:h] = -bias[h : 2 * h]
        self.head.weight.mul_(0.1)
        self.head.bias.zero_()

    def _front(self, signals: Tensor, position: Tensor) -> Tensor:
        features = torch.cat([signals, position], -1)
        return torch.relu(self.norm(self.front((features - self.mean) / self.std)))


def way(signals: Tensor) -> Tensor:
    """Return |dx| + |dy| over dt [mm/s] of each step (..., 6)."""
    return signals[..., 2:4].abs().sum(-1)
