"""The default nets: a linear map beside a small net, each with its statistics inside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Scope, State
from learn_rt.train.core.carried import States
from learn_rt.train.core.cells import gru_step
from learn_rt.train.core.config import within
from learn_rt.train.core.servable import Servable


@dataclass
class NetConfig:
    """Sizes. A pointwise net has `num_layers` hidden layers; a recurrent one so many GRU layers."""

    hidden_size: int = 48
    num_layers: int = 1
    dropout: float = 0.0
    linear: bool = True  # a least-squares map of the whole window beside the net
    taps: int = 20  # window=carried: samples that the linear map sees
    ridge: float = 1e-3  # of that map, on standardised signals: holds terms down that would cancel

    def __post_init__(self) -> None:
        within("net.hidden_size", self.hidden_size, 1, 2048)
        within("net.num_layers", self.num_layers, 1, 8)
        within("net.dropout", self.dropout, 0, 0.99)
        within("net.taps", self.taps, 2, 4096)
        within("net.ridge", self.ridge, 1e-9, 1e6)


class TableNet(Servable):
    """A linear map of the last `steps` standardised samples plus what the net adds, in physical units."""

    mean: Tensor
    std: Tensor
    target_mean: Tensor
    target_std: Tensor

    def __init__(self, config: NetConfig, steps: int, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.config, self.steps = config, steps
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("std", torch.ones(n_features))
        self.register_buffer("target_mean", torch.zeros(n_outputs))
        self.register_buffer("target_std", torch.ones(n_outputs))
        self.linear = nn.Linear(steps * n_features, n_outputs)
        self.linear.requires_grad_(False)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def standard(self, x: Tensor) -> Tensor:
        """Return samples (..., n_features) in units of their spread."""
        return (x - self.mean) / self.std

    def physical(self, y: Tensor) -> Tensor:
        """Return answers (batch, n_outputs) in the outputs' units."""
        return y * self.target_std + self.target_mean

    def residual(self, z: Tensor) -> Tensor:
        """Return what the net adds (batch, n_outputs), standardised, for standardised windows."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return answers (batch, n_outputs) to raw windows (batch, steps, n_features), or samples where steps is 1."""
        z = self.standard(x)
        return self.physical(self.linear(z.flatten(1)) + self.residual(z))

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) of what float32 costs the linear map."""
        z = self.standard(x).flatten(1)
        # The subtraction of the mean is rounded too: in units of the spread by the mean's size.
        offset = (self.mean.abs() / self.std).repeat(self.steps)
        sizes = F.linear(z.abs() + offset, self.linear.weight.abs()) * self.target_std
        return 2.0 * z.shape[1] * torch.finfo(torch.float32).eps * sizes.amax(1)

    @torch.no_grad()
    def fit_linear(self, rows: Iterable[tuple[Tensor, Tensor]]) -> None:
        """Set the linear map by least squares with a ridge, from blocks of standardised (windows, targets)."""
        if not self.config.linear:
            return
        n = self.linear.in_features + 1
        gram, moment, count = torch.zeros(n, n).double(), torch.zeros(n, self.linear.out_features).double(), 0
        for z, y in rows:
            a = F.pad(z.flatten(1).double().cpu(), (0, 1), value=1.0)
            gram, moment, count = gram + a.T @ a, moment + a.T @ y.double().cpu(), count + len(a)
        gram += self.config.ridge * count * torch.eye(n).double()
        solved = torch.linalg.solve(gram, moment)
        self.linear.weight.copy_(solved[:-1].T)
        self.linear.bias.copy_(solved[-1])


class PointNet(TableNet):
    """One sample in, one answer out."""

    def __init__(self, config: NetConfig, n_features: int, n_outputs: int) -> None:
        super().__init__(config, 1, n_features, n_outputs)
        layers: list[nn.Module] = []
        width = n_features
        for _ in range(config.num_layers + 1):
            layers += [nn.Linear(width, config.hidden_size), nn.SiLU(), nn.Dropout(config.dropout)]
            width = config.hidden_size
        head = nn.Linear(width, n_outputs)
        nn.init.zeros_(head.weight)  # it starts as the linear map alone
        nn.init.zeros_(head.bias)
        self.net = nn.Sequential(*layers, head)

    def residual(self, z: Tensor) -> Tensor:
        """Return what the net adds (batch, n_outputs)."""
        added: Tensor = self.net(z)
        return added

    def states(self) -> tuple[State, ...]:
        """Return nothing: an answer depends on its sample alone."""
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer,)."""
        return (self(x),)


class WindowNet(TableNet):
    """A GRU over the window beside the linear map."""

    def __init__(self, config: NetConfig, steps: int, n_features: int, n_outputs: int) -> None:
        super().__init__(config, steps, n_features, n_outputs)
        self.front = nn.Linear(n_features, config.hidden_size)
        dropout = config.dropout if config.num_layers > 1 else 0.0
        self.gru = nn.GRU(config.hidden_size, config.hidden_size, config.num_layers, batch_first=True, dropout=dropout)
        self.head = nn.Linear(config.hidden_size, n_outputs)
        with torch.no_grad():
            self.head.weight.zero_()  # it starts as the linear map alone
            self.head.bias.zero_()

    def residual(self, z: Tensor) -> Tensor:
        """Return what the net adds (batch, n_outputs)."""
        added: Tensor = self.head(self.gru(torch.tanh(self.front(z)))[0][:, -1])
        return added

    def states(self) -> tuple[State, ...]:
        """Return `tail`, the last standardised samples, shared by all lanes, and each lane's own cells."""
        n = self.mean.numel()
        cells = [State(f"h{i}", (self.config.hidden_size,), Scope.LANE) for i in range(self.config.num_layers)]
        return (State("tail", (self.steps - 1, n), Scope.STREAM), *cells)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer, tail, h0, ...) after one raw sample; what needs no new sample can be done before."""
        tail, *cells = states
        n, weight = self.mean.numel(), self.linear.weight
        early = F.linear(tail.flatten(1), weight[:, :-n], self.linear.bias)
        z = self.standard(x)
        hidden, following = gru_step(self.gru, torch.tanh(self.front(z)), cells)
        answer = self.physical(early + F.linear(z, weight[:, -n:]) + self.head(hidden))
        return (answer, torch.cat([tail[:, 1:], z.unsqueeze(1)], 1), *following)


class CarriedNet(WindowNet):
    """The same net with a state that is carried through the whole recording: an answer costs one step."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the last answers (batch, n_outputs) to raw sequences (batch, samples, n_features) from zero states."""
        z = self.standard(x)
        tail = F.pad(z, (0, 0, self.steps - 1, 0))[:, -self.steps :]
        return self.physical(self.linear(tail.flatten(1)) + self.residual(z))

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) of what float32 costs the linear map at the end of each sequence."""
        before = self.mean.expand(len(x), self.steps - 1, -1)
        return super().rounding(torch.cat([before, x], 1)[:, -self.steps :])

    def run(self, z: Tensor, states: States | None) -> tuple[Tensor, States]:
        """Return what the net adds after each sample (batch, n, n_outputs), standardised, and the states after them.

        Args: z: standardised samples (batch, n, n_features); states: h (num_layers, batch, hidden_size); None: zero.
        """
        hidden, h = self.gru(torch.tanh(self.front(z)), states[0] if states else None)
        added: Tensor = self.head(hidden)
        return added, (h,)

    def straight(self, x: Tensor) -> Tensor:
        """Return the linear map's share (n, n_outputs), standardised, after each sample of x (n, n_features)."""
        z = F.pad(self.standard(x), (0, 0, self.steps - 1, 0))
        kernel = self.linear.weight.unflatten(1, (self.steps, -1)).transpose(1, 2)
        return F.conv1d(z.T.unsqueeze(0), kernel, self.linear.bias)[0].T
