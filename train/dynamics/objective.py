"""The loss of rollouts that the net makes from its own answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from learn_rt.train.core.config import within
from learn_rt.train.dynamics.model import DynamicsNet
from learn_rt.train.dynamics.unroll import unroll
from learn_rt.train.dynamics.windows import Windows


@dataclass
class LossConfig:
    """Weights of the parts, and what is done to a batch."""

    deltas: float = 1.0  # squared error of each step's change, over the changes' scale
    states: float = 1.0  # squared error of each step's state, over how far states move in so many steps
    calm: float = 0.0  # above 0: a window counts by 1 / (calm + its own squared motion), so that slow ones count too
    noise: float = 0.0  # added to the states of a window, in units of the changes' scale
    mirror: bool = False  # half of the batches upside down: for mechanisms that are symmetric about zero

    def __post_init__(self) -> None:
        for name in ("deltas", "states", "calm", "noise"):
            within(f"loss.{name}", getattr(self, name), 0, 1e6)
        if not self.deltas + self.states:
            raise ValueError("loss.deltas and loss.states must not both be 0")


class Objective(nn.Module):
    """The mean over the horizon of the squared error of changes, and of states."""

    def __init__(self, module: DynamicsNet, config: LossConfig, train: Windows) -> None:
        super().__init__()
        self.module, self._config = module, config
        window, n = module.config.window, module.layout.n_state
        x = train.spread(50_000)[..., :n]
        # (horizon, S): how far a state is after so many steps from where it was, on average.
        moved = (x[:, window:] - x[:, window - 1 : window]).double().square().mean(0).sqrt().float()
        self.moved: Tensor
        self.register_buffer("moved", torch.where(moved > 1e-9, moved, torch.ones_like(moved)))

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """Return the loss of windows (batch, window + horizon, S + A) and its parts."""
        config, window, n = self._config, self.module.config.window, self.module.layout.n_state
        if config.mirror:
            rows = rows * (2.0 * torch.randint(2, (len(rows), 1, 1), device=rows.device) - 1.0)
        x, truth = rows[:, :window], rows[:, window:, :n]
        if config.noise:
            noise = config.noise * self.moved[0] * torch.randn_like(x[..., :n])
            x = torch.cat([x[..., :n] + noise, x[..., n:]], -1)
        answers = unroll(self.module, x, rows[:, window - 1 : -1, n:])
        errors = {"states": (answers - truth) / self.moved}
        before, were = (
            torch.cat([x[:, -1:, :n], answers[:, :-1]], 1),
            torch.cat([rows[:, window - 1 : window, :n], truth[:, :-1]], 1),
        )
        errors["deltas"] = ((answers - before) - (truth - were)) / self.moved[0]
        weight = torch.ones_like(truth[:, :1, :1])
        if config.calm:
            motion = ((truth - rows[:, window - 1 : window, :n]) / self.moved).square().mean((1, 2), keepdim=True)
            weight = 1.0 / (config.calm + motion)
            weight = weight / weight.mean()
        said = {name: (weight * error.square()).mean() for name, error in errors.items()}
        return {"loss": config.deltas * said["deltas"] + config.states * said["states"], **said}
