"""The dynamics net as a window model: the next state alone, so that a step can be compared with a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from learn_rt.train.core.servable import Servable

if TYPE_CHECKING:
    from torch import Tensor

    from learn_rt.spec import State
    from learn_rt.train.dynamics.model import DynamicsNet


class NextState(Servable):
    """The first state that a rollout of `net` answers."""

    def __init__(self, net: DynamicsNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the next states (batch, S) after windows (batch, window, S + A)."""
        state: Tensor = self.net(x, x[:, -1:, self.net.layout.n_state :])[:, 0]
        return state

    def states(self) -> tuple[State, ...]:
        return self.net.states()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (next state, next states of the net) after one raw row (batch, S + A)."""
        return self.net.step(x, *states)
