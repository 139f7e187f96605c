"""What a system brings to the trainer, and the register of systems by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from learn_rt.spec import Spec
from learn_rt.train.core.servable import Servable

# System and target -> the module that defines `TASK`. Imported on use, so that one system's needs never burden another.
MODULES = {("printer", "offset"): "learn_rt.train.printer.offset"}


class Task(ABC):
    """One system's target made ready to train: its data, its module, its loss and its metrics."""

    module: Servable
    n_windows: int

    @abstractmethod
    def __init__(self, config: Any, say: Any) -> None:
        """Read the data and make the targets, as `config` (of `config_type`) says; `say(text)` reports progress.

        Raises: ValueError, OSError: the data is not there or not what it must be.
        """

    @staticmethod
    @abstractmethod
    def build(config: Mapping[str, Any]) -> Servable:
        """Return the untrained module of a checkpoint's plain configuration."""

    @abstractmethod
    def batches(self, epoch: int, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch's batches in an order that only `generator` decides."""

    @abstractmethod
    def n_batches(self, epoch: int) -> int:
        """Return how many batches `batches(epoch)` yields."""

    @abstractmethod
    def loss(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Return the training loss of one batch, a scalar in normalised units."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Return the validation metrics; `loss` among them decides which checkpoint is best."""

    @abstractmethod
    def test(self) -> dict[str, Any]:
        """Return the accuracy on the held-out part: r2, mae_um, rmse_um, corr, and the same by output."""

    @abstractmethod
    def spec(self, provenance: dict[str, Any]) -> Spec:
        """Return what the trained module promises."""

    @abstractmethod
    def held_out(self) -> Tensor:
        """Return real raw windows (n <= 1024, window, n_features) that training never saw."""


def task_type(system: str, target: str) -> type[Task]:
    """Return the task class of a system's target.

    Raises: ValueError: there is no such system or target; the message names those there are.
    """
    if (system, target) not in MODULES:
        known = ", ".join(f"system={s} target={t}" for s, t in MODULES)
        raise ValueError(f"no system={system} target={target}; known: {known}")
    task: type[Task] = import_module(MODULES[system, target]).TASK
    return task
