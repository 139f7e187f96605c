"""Where metrics go beside metrics.jsonl: TensorBoard, Weights & Biases. A package that is missing is a warning."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any, Protocol

from learn_rt.train.core.config import Logger, RunConfig, plain
from learn_rt.train.core.run_folder import RunFolder


class Sink(Protocol):
    """Takes metrics, and ends."""

    def log(self, line: Mapping[str, float], epoch: int) -> None:
        """Take an epoch's metrics."""

    def close(self) -> None:
        """Write what is left."""


class TensorBoard:
    """Writes event files to <run>/tensorboard."""

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder.root / "tensorboard"), flush_secs=30)

    def log(self, line: Mapping[str, float], epoch: int) -> None:
        """Write scalars."""
        for key, value in line.items():
            self._writer.add_scalar(key, value, epoch)

    def close(self) -> None:
        """Flush and close."""
        self._writer.close()


class WeightsAndBiases:
    """A run of the project that WANDB_PROJECT names ("learn-rt"); WANDB_MODE=offline keeps it in <run>/wandb."""

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        self._run = import_module("wandb").init(
            project=os.environ.get("WANDB_PROJECT", "learn-rt"),
            name=os.environ.get("WANDB_NAME", folder.root.name),
            dir=str(folder.root),
            config=plain(config),
        )

    def log(self, line: Mapping[str, float], epoch: int) -> None:
        """Log scalars."""
        self._run.log(dict(line), step=epoch)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


SINKS: dict[Logger, Callable[[RunConfig, RunFolder], Sink]] = {
    Logger.tensorboard: TensorBoard,
    Logger.wandb: WeightsAndBiases,
}


@contextmanager
def open_loggers(config: RunConfig, folder: RunFolder, say: Callable[[str], None] | None) -> Iterator[list[Sink]]:
    """Give the loggers that the configuration names; none where `say` is None (a process that only computes)."""
    with ExitStack() as closing:
        sinks: list[Sink] = []
        for name in dict.fromkeys(config.logger) if say else ():
            assert say is not None
            try:
                sink = SINKS[name](config, folder)
            except ModuleNotFoundError as error:
                say(f"warning: logger={name} is left out: {error.name} is not installed (pip install {error.name})")
                continue
            closing.callback(sink.close)
            sinks.append(sink)
        yield sinks


def scalars(line: Mapping[str, Any]) -> dict[str, float]:
    """Return a line's numbers, the epoch left out."""
    return {key: value for key, value in line.items() if key != "epoch" and isinstance(value, int | float)}
