"""What a system brings to the trainer, and the register of systems by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from learn_rt.spec import Spec
from learn_rt.train.core.config import RunConfig
from learn_rt.train.core.register import MODULES, targets
from learn_rt.train.core.servable import Servable

Say = Callable[[str], None]


class Task(ABC):
    """One target of a system, made ready to train: its data, its module, its loss and its metrics.

    `objective` holds `module` and turns a batch into the loss, a scalar in normalised units, or into a dict: "loss" and
    other scalars that are only logged. The loss is a mean over the batch, whose tensors have one row a sample: several
    processes take their shares of the rows. A loss that needs no gradient says that the objective has put its gradient
    in place already (one process, one batch a step). `n_windows` counts the different samples or windows to draw from.
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
        """Return the validation metrics, the one that `loop.monitor` names among them (unless that is "loss")."""

    @abstractmethod
    def test(self) -> dict[str, Any]:
        """Return the accuracy on the held-out parts, for JSON: scalars with their unit in the key (`rmse_um`, `r2`).

        `outputs`, where it is there, has the same keys for each output; other dicts and lists hold more detail.
        """

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Return what results.json says of the data, `split` among it."""

    @abstractmethod
    def spec(self, provenance: dict[str, Any]) -> Spec:
        """Return what the trained module promises; the task adds the data's part of the provenance."""

    @abstractmethod
    def held_out(self) -> Tensor:
        """Return real raw rows (n <= 1024, rows, n_features) that training never saw.

        Rows of a window: `window`; of a rollout: window + horizon - 1; of a stateful model: any number of samples in a
        row; a pointwise model's are (n, n_features).
        """

    def on_epoch(self, epoch: int) -> None:  # noqa: B027 (most tasks need nothing)
        """Get ready for an epoch, counted from 0: schedules of losses, fresh noise (torch's generator is seeded)."""

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Start from trained weights, their statistics included. Raises: RuntimeError: they do not fit."""
        self.module.load_state_dict(weights)

    @staticmethod  # noqa: B027
    def plot(accuracy: Mapping[str, Any], folder: Path) -> None:
        """Draw what `test` or `evaluate` gave into files of `folder`, which is there."""


def task_type(system: str, target: str) -> type[Task]:
    """Return the task class of a system's target.

    Raises: ValueError: there is no such system or target; the message names those there are.
    """
    if target not in targets(system):
        raise ValueError(f"system={system} has no target={target}; there are {', '.join(targets(system))}")
    name = MODULES[system, target]
    try:
        task: type[Task] = import_module(name).TASK
    except ModuleNotFoundError as error:
        raise ValueError(f"system={system} target={target} needs {error.name}, which is not installed") from None
    return task
