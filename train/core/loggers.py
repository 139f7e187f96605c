"""Where metrics go beside metrics.jsonl: a JSON array, TensorBoard, W&B. A package that is missing is a warning."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
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


class JsonArray:
    """Writes <run>/logs/metrics.json, whole after every line: [{"step", "timestamp", "loss/train", ...}, ...]."""

    def __init__(self, config: RunConfig, folder: RunFolder) -> None:
        self._path = folder.root / "logs" / "metrics.json"
        self._path.parent.mkdir(exist_ok=True)
        self._earlier = json.loads(self._path.read_text()) if config.resume and self._path.is_file() else []
        self._started = False

    def log(self, line: Mapping[str, float], epoch: int) -> None:
        """Append an epoch."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        named = {("loss/train" if key == "loss" else key): value for key, value in line.items()}
        entry = json.dumps({"step": epoch, "timestamp": now, **named})
        if not self._started:  # what a resumed run does again is dropped
            kept = [json.dumps(old) for old in self._earlier if old["step"] < epoch]
            self._path.write_text("[\n" + ",\n".join([*kept, entry]) + "\n]\n")
            self._started = True
            return
        with self._path.open("r+b") as file:
            file.seek(-len(b"\n]\n"), os.SEEK_END)
            file.write(f",\n{entry}\n]\n".encode())

    def close(self) -> None:
        """Nothing is left to write."""


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
    Logger.json: JsonArray,
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
