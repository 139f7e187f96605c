"""The smallest system: a line through noisy points, learned by gradient descent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learn_rt.spec import Kind, Signal, Spec, State
from learn_rt.train.core.config import LoopConfig, RunConfig, limited
from learn_rt.train.core.servable import Servable
from learn_rt.train.core.system import Task

EVENTS: list[tuple[str, int]] = []  # what the trainer asked for, in order


@dataclass
class ToyConfig(RunConfig):
    system: str = "toy"
    target: str = "toy"
    data: str = "none"
    rows: int = 40
    dropout: float = 0.0
    scale: float = 1.0  # of the loss
    scores: list[float] = field(default_factory=list)  # what validation says, by call; empty: the true error


class Line(Servable):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def states(self) -> tuple[State, ...]:
        return ()

    def step(self, x: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        return (self(x),)


class Objective(nn.Module):
    def __init__(self, module: Line, scale: float) -> None:
        super().__init__()
        self.module, self.scale = module, scale

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        error = self.module(x) - y
        return {"loss": self.scale * error.square().mean(), "mae": error.abs().mean()}


class ToyTask(Task):
    config_type = ToyConfig
    groups: ClassVar[dict[str, dict[str, Any]]] = {"loop": {"adamw": LoopConfig()}}

    def __init__(self, config: ToyConfig, say: Callable[[str], None]) -> None:
        generator = torch.Generator().manual_seed(7)
        self._config, self._calls = config, 0
        self.x = torch.randn(config.rows, 2, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0]]) + 0.1 * torch.randn(config.rows, 1, generator=generator)
        self.module: Line = Line(config.dropout)
        self.objective = Objective(self.module, config.scale)
        self.n_windows = config.rows

    @staticmethod
    def build(config: Mapping[str, Any]) -> Line:
        return Line(config["dropout"])

    @staticmethod
    def evaluate(config: ToyConfig, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        task = ToyTask(config, print)
        task.module.load_state_dict(module.state_dict())
        return task.test()

    @staticmethod
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        (folder / "toy.txt").write_text(str(accuracy["rmse"]))

    def to(self, device: torch.device) -> None:
        self.x, self.y = self.x.to(device), self.y.to(device)

    def n_batches(self) -> int:
        return -(-len(self.x) // self._config.loop.batch_size)

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        for rows in torch.randperm(len(self.x), generator=generator).split(self._config.loop.batch_size):
            yield self.x[rows], self.y[rows]

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        EVENTS.append(("validate", self._calls))
        self._calls += 1
        if scores := self._config.scores:
            return {"rmse": scores[self._calls - 1]}
        n = limited(len(self.x), self._config.loop.limit_validation_batches)
        return {"rmse": float((self.module(self.x[:n]) - self.y[:n]).square().mean().sqrt())}

    @torch.no_grad()
    def test(self) -> dict[str, Any]:
        error = self.module(self.x) - self.y
        return {"rmse": float(error.square().mean().sqrt()), "detail": {"worst": float(error.abs().max())}}

    def report(self) -> dict[str, Any]:
        return {}

    def spec(self, provenance: dict[str, Any]) -> Spec:
        signals = tuple(Signal(name, "1") for name in ("a", "b"))
        return Spec("toy", Kind.POINTWISE, 0.01, signals, (Signal("y", "1"),), provenance=provenance)

    def held_out(self) -> Tensor:
        return self.x[:5].cpu()

    def on_epoch(self, epoch: int) -> None:
        EVENTS.append(("epoch", epoch))


TASK = ToyTask
