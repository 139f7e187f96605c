"""What a system brings to the trainer, and the register of systems by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.config import RunConfig
from learn_rt.train.core.servable import Servable

# System and target -> the module that defines `TASK`. Imported on use: one system's needs never burden another.
MODULES = {("printer", "offset"): "learn_rt.train.printer.offset"}
Say = Callable[[str], None]


class Task(ABC):
    """One target of a system, made ready to train: its data, its module, its loss and its metrics.

    `objective` holds `module` and turns a batch into the loss, a scalar in normalised units; `n_windows` counts the
    different windows that training draws from.
    """

    config_type: ClassVar[type[RunConfig]]
    groups: ClassVar[dict[str, dict[str, Any]]]
    module: Servable
    objective: nn.Module
    n_windows: int

    @abstractmethod
    def __init__(self, config: Any, say: Say) -> None:
        """Read the data and make the targets, as `config` (of `config_type`) says.

        Raises: ValueError, OSError: the data is not there or not what it must be.
        """

    @staticmethod
    @abstractmethod
    def build(config: Mapping[str, Any]) -> Servable:
        """Return the untrained module of a checkpoint's plain configuration."""

    @staticmethod
    @abstractmethod
    def evaluate(config: Any, module: nn.Module, provenance: Mapping[str, Any]) -> dict[str, Any]:
        """Return the accuracy of a trained module on the parts that its spec's provenance names as held out.

        Raises: ValueError, OSError: the data is not there or not what it must be.
        """

    @abstractmethod
    def to(self, device: torch.device) -> None:
        """Move the data to a device; the trainer moves the objective."""

    @abstractmethod
    def n_batches(self) -> int:
        """Return the number of batches in an epoch."""

    @abstractmethod
    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield one epoch's batches, in an order that only `generator` decides."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Return the validation metrics; the least `rmse_um` is the best checkpoint."""

    @abstractmethod
    def test(self) -> dict[str, Any]:
        """Return the accuracy on the held-out parts: r2, mae_um, rmse_um, corr, and `outputs` with the same of each."""

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data, `split` among it."""

    @abstractmethod
    def spec(self, provenance: dict[str, Any]) -> Spec:
        """Return what the trained module promises; the task adds the data's part of the provenance."""

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
