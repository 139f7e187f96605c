"""What a module offers so that it can be exported: the whole function, one step of it, and the states between steps."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from learn_rt.spec import State


class Servable(nn.Module, ABC):
    """A net in physical units on both sides: statistics are buffers, so they ride in the state dict and every graph."""

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Return the answers (batch, n_outputs) to raw windows (batch, window, n_features), oldest sample first.

        A pointwise module takes (batch, n_features). A stateful one takes sequences (batch, samples, n_features) of any
        length and answers their last sample, from zero states.
        """

    def served(self) -> Servable:
        """Return the part that is evaluated and exported: all of it, unless some of it only helps in training."""
        return self

    def linear_path(self) -> tuple[Servable, int] | None:
        """Return the part that is a fitted filter, a module of its own, and its window; None where there is none.

        It takes raw windows (batch, window, n_features) and gives the same outputs: a client runs it in place of missed
        answers.
        """
        return None

    def states(self) -> tuple[State, ...]:
        """Return the states that `step` carries, all zero at the start.

        None, as here, of a pointwise module, and of a window's that is run whole for each answer (convolutions).
        """
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return (answer, next state, ...) for one raw sample (batch, n_features).

        `window` steps from zero states give `forward` on the window. Only of a module with states.
        """
        raise NotImplementedError(f"{type(self).__name__} has no states, so no step of its own")

    def rounding(self, x: Tensor) -> Tensor:
        """Return a bound (batch,) of what float32 sums may cost an answer's linear part, in the outputs' unit.

        2 K eps sum |w| |x| for a sum of K terms. Zero unless the module has a long linear path, whose terms cancel:
        export allows every answer 1e-6 of the outputs' scale anyhow.
        """
        return x.new_zeros(len(x))
