"""One step of a recurrent layer, written out so that its recurrent half is a node of its own in the step graph."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def lstm_step(
    lstm: nn.LSTM, x: Tensor, states: Sequence[Tensor], started: Tensor | None = None
) -> tuple[Tensor, list[Tensor]]:
    """Return what the last layer answers (batch, hidden) to one sample (batch, n), and the next h0, c0, h1, ...

    Args: started: (batch, 1), 0 where the cells are to stay zero.
    """
    following: list[Tensor] = []
    for layer in range(lstm.num_layers):
        w_ih, w_hh, b_ih, b_hh = _weights(lstm, layer)
        h, c = states[2 * layer], states[2 * layer + 1]
        recurrent = F.linear(h, w_hh, b_ih + b_hh)
        i, f, g, o = (F.linear(x, w_ih) + recurrent).chunk(4, 1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        if started is not None:
            c = c * started
        x = torch.sigmoid(o) * torch.tanh(c)
        following += [x, c]
    return x, following


def gru_step(gru: nn.GRU, x: Tensor, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """Return what the last layer answers (batch, hidden) to one sample (batch, n), and the next h0, h1, ..."""
    following: list[Tensor] = []
    for layer, h in enumerate(states):
        w_ih, w_hh, b_ih, b_hh = _weights(gru, layer)
        hr, hz, hn = F.linear(h, w_hh, b_hh).chunk(3, 1)
        xr, xz, xn = F.linear(x, w_ih, b_ih).chunk(3, 1)
        update = torch.sigmoid(xz + hz)
        new = torch.tanh(xn + torch.sigmoid(xr + hr) * hn)
        x = (1.0 - update) * new + update * h
        following.append(x)
    return x, following


def _weights(net: nn.LSTM | nn.GRU, layer: int) -> Weights:
    w_ih, w_hh, b_ih, b_hh = (getattr(net, f"{k}_l{layer}") for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    return w_ih, w_hh, b_ih, b_hh
