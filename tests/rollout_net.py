"""A small random net of kind rollout: a cart's place, an angle and a speed, pushed by one action."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.spec import Kind, Scope, Signal, Spec, State
from learn_rt.train.core.servable import Servable

N_STATES, N_ACTIONS, HIDDEN = 3, 1, 10


class Cart(Servable):
    """Place counted from the window's first row, angle as cosine and sine; the answer is row + change."""

    def __init__(self, seed: int = 5, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.hidden = hidden
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.gru = nn.GRU(5, hidden, batch_first=True)
            self.head = nn.Linear(hidden, N_STATES)

    def seen(self, x: Tensor, origin: Tensor) -> Tensor:
        place, angle = x[..., :1] - origin, x[..., 1:2]
        return torch.cat([place, torch.cos(angle), torch.sin(angle), x[..., 2:]], -1)

    def forward(self, x: Tensor, actions: Tensor) -> Tensor:  # type: ignore[override]
        answers: list[Tensor] = []
        for k in range(actions.shape[1]):
            if k:
                x = torch.cat([x[:, 1:], torch.cat([answers[-1], actions[:, k]], 1).unsqueeze(1)], 1)
            hidden = self.gru(self.seen(x, x[:, :1, :1]))[0][:, -1]
            answers.append(x[:, -1, :N_STATES] + 0.3 * self.head(hidden))
        return torch.stack(answers, 1)

    def states(self) -> tuple[State, ...]:
        return (
            State("origin", (1,), Scope.LANE),
            State("started", (1,), Scope.LANE),
            State("h", (self.hidden,), Scope.LANE),
        )

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        origin, started, h = states
        origin = started * origin + (1.0 - started) * x[:, :1]
        gates = F.linear(self.seen(x, origin), self.gru.weight_ih_l0, self.gru.bias_ih_l0)
        recurrent = F.linear(h, self.gru.weight_hh_l0, self.gru.bias_hh_l0)
        (r, z, n), (r_h, z_h, n_h) = gates.chunk(3, 1), recurrent.chunk(3, 1)
        candidate = torch.tanh(n + torch.sigmoid(r + r_h) * n_h)
        h = candidate + torch.sigmoid(z + z_h) * (h - candidate)
        return x[:, :N_STATES] + 0.3 * self.head(h), origin, torch.ones_like(started), h


def cart_spec(window: int = 6, horizon: int = 4) -> Spec:
    """Return the net's spec; the action is physical from -2 to 2 N, the place was trained from -3 to 3 m."""

    def state(name: str, unit: str, **ranges: tuple[float, float]) -> Signal:
        return Signal(name, unit, feedback_of=name, **ranges)

    names = (("place", "m"), ("angle", "rad"), ("speed", "m/s"))
    inputs = (
        state("place", "m", range_valid=(-10.0, 10.0), range_trained=(-3.0, 3.0)),
        state("angle", "rad"),
        state("speed", "m/s"),
        Signal("push", "N", range_valid=(-2.0, 2.0)),
    )
    outputs = tuple(Signal(name, unit) for name, unit in names)
    return Spec("cart", Kind.ROLLOUT, 0.01, inputs, outputs, window=window, horizon=horizon)


def cart_rows(n: int, length: int, seed: int = 1) -> np.ndarray:
    """Return rows (n, length, 4) float32 that wander inside the trained range."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.1, (n, length, 4))
    rows = np.cumsum(steps, 1) + random.uniform(-1, 1, (n, 1, 4))
    return np.clip(rows, -1.9, 1.9).astype(np.float32)
