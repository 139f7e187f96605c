"""The corrector with a state that is carried through the whole print: an answer costs one step of one net."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from learn_rt.spec import Scope, State
from learn_rt.train.core.carried import Chunks, States
from learn_rt.train.core.cells import lstm_step
from learn_rt.train.printer.dataset import Stretches
from learn_rt.train.printer.model import N_SIGNALS, VX, OffsetNet, Z, way


class CarriedOffsetNet(OffsetNet):
    """The same filters and net, but the recurrent one goes on from sample to sample instead of from a window's start.

    From zero states, the machine has stood where the first sample is.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the last offsets (batch, 2) [mm] of raw sequences (batch, n, 5)."""
        return self.answers(x)[:, -1]

    def answers(self, x: Tensor) -> Tensor:
        """Return offsets (batch, n, 2) [mm] after each sample of raw sequences (batch, n, 5), from zero states."""
        c, n = self.config, x.shape[1]
        signals = self.signals(x, torch.cat([x[:, :1], x[:, :-1]], 1))
        before = F.pad(signals, (0, 0, c.steps - 1, 0))
        weight = self.filters.weight.unflatten(1, (c.steps, -1)).transpose(1, 2)
        rows = F.conv1d(before.transpose(1, 2), weight).transpose(1, 2)
        place = F.pad(x[..., :Z], (0, 0, c.preview, 0))[:, :n]
        filtered = self.polynomial(rows.flatten(0, 1), place.flatten(0, 1)).unflatten(0, (-1, n))
        gate = self.gate(way(before).unfold(1, c.steps, 1).sum(-1))
        return filtered + gate * self.learned(self.recur(signals, x[..., :VX]))

    def run(self, x: Tensor, states: States | None) -> tuple[Tensor, States]:
        """Return the net's share (batch, n, 2), in units of `target_std`, and the states after it.

        Args: x: signals, position and gate (batch, n, 6 + 3 + 1); states: h and c (num_layers, batch, hidden_size).
        """
        signals, position, gate = x.split((N_SIGNALS, VX, 1), 2)
        hidden, following = self.lstm(self._front(signals, position), states)
        return gate * self.head(hidden), following

    def states(self) -> tuple[State, ...]:
        """Return `tail`, the signals of the last samples, `places`, where the last `preview` were, and the cells."""
        c = self.config
        cells = [State(f"{s}{i}", (c.hidden_size,), Scope.STREAM) for i in range(c.num_layers) for s in "hc"]
        tail = State("tail", (c.steps - 1, N_SIGNALS), Scope.STREAM)
        places = State("places", (c.preview, 2), Scope.STREAM)
        return (tail, places, State("started", (1,), Scope.STREAM), *cells)

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (offsets, tail, places, started, h0, c0, ...) after one raw sample (batch, 5).

        What is linear in the tail is kept apart from what needs the new sample, so that it can be done before.
        """
        tail, places, started, *cells = states
        velocity, increment, direction = self.signals(x, places[:, -1]).chunk(3, 1)
        signals = torch.cat([velocity, increment * started, direction], 1)  # the first sample has none before it
        hidden, following = lstm_step(self.lstm, self._front(signals, x[:, :VX]), cells)
        weight, place = self.filters.weight, places[:, 0]
        early = self.polynomial(F.linear(tail.flatten(1), weight[:, :-N_SIGNALS]), place)
        filtered = early + self.polynomial(F.linear(signals, weight[:, -N_SIGNALS:]), place)
        answer = filtered + self.gate(way(tail).sum(1) + way(signals)) * self.learned(hidden)
        tail = torch.cat([tail[:, 1:], signals.unsqueeze(1)], 1)
        places = torch.cat([places[:, 1:], x[:, None, :Z]], 1)
        return (answer, tail, places, torch.ones_like(started), *following)

    def rounding(self, x: Tensor) -> Tensor:
        """Return the bound (batch,) [mm] of what float32 costs the filters at the end of each sequence."""
        stood = x[:, :1].expand(-1, self.config.steps, -1)
        return super().rounding(torch.cat([stood, x], 1)[:, -self.config.steps - 1 :])


@torch.no_grad()
def chunks(net: CarriedOffsetNet, data: Stretches, chunk: int, carry: int, side_by_side: int) -> Chunks:
    """Return what training takes of stretches: what the net sees, and what the filters leave of the targets."""
    assert data.filtered is not None
    assert data.gate is not None
    x = torch.cat([data.signals, data.x[..., :VX], data.gate], -1)
    residual = (data.target.roll(data.preview, 1) - data.filtered) / net.target_std
    weight = torch.zeros(x.shape[:2])
    weight[tuple(data.ends.T)] = 1.0
    return Chunks(list(zip(x, residual, weight, strict=True)), chunk, carry, side_by_side)


@torch.no_grad()
def answers(net: CarriedOffsetNet, data: Stretches, ends: Tensor) -> Tensor:
    """Return the offsets (n, 2) [mm] at the ticks `ends` (n, 2) of stretches that are run whole."""
    found = torch.cat([net.answers(block) for block in data.x.split(16)])
    return found[tuple(ends.T)]


def sequences(data: Stretches, count: int) -> Tensor:
    """Return up to `count` whole stretches (n, t, 5)."""
    chosen = torch.linspace(0, len(data.x) - 1, min(count, len(data.x))).long()
    return data.x[chosen.to(data.x.device)].cpu().contiguous()
