"""Which checkpoints of a run are kept: the last, the best by the monitored metric, and those of every so many epochs.

The best ones' weights wait in memory until the run's next save: writing is off the path of the epochs between.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from learn_rt.train.core import checkpoint
from learn_rt.train.core.config import Mode, RunConfig, plain
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.core.system import Task

Weights = dict[str, Tensor]


class Keeper:
    """Writes the checkpoints of one run."""

    def __init__(self, task: Task, config: RunConfig, folder: RunFolder, provenance: dict[str, Any]) -> None:
        self._task, self._config, self._folder, self._provenance = task, config, folder, provenance
        self._plain_config = plain(config)  # 50 ms each time
        self._sign = 1.0 if config.loop.mode is Mode.min else -1.0
        self.top: list[tuple[float, int]] = []  # (value, epoch), the best first
        self._waiting: dict[int, Weights] = {}

    def consider(self, value: float, epoch: int) -> None:
        """Keep the present weights if they are among the best."""
        if value != value or any(at == epoch for _, at in self.top):
            return
        ranked = sorted([*self.top, (value, epoch)], key=lambda kept: (self._sign * kept[0], kept[1]))
        self.top = ranked[: self._config.loop.keep_top]
        if (value, epoch) in self.top:
            self._waiting[epoch] = self._weights(copy=True)

    def save(self, epoch: int, resume: dict[str, Any]) -> None:
        """Write what waits, then last.ckpt with what resuming needs."""
        kept = {at for _, at in self.top}
        for at, weights in self._waiting.items():
            if at not in kept:
                continue
            contents = self._contents(weights, at)
            if self._config.loop.keep_top > 1:
                checkpoint.save(self._folder.top(at), contents)
            if at == self.top[0][1]:
                checkpoint.save(self._folder.best, contents)
        self._waiting.clear()
        if self._config.loop.keep_top > 1:
            self._folder.keep_top(kept)
        checkpoint.save(self._folder.last, self._contents(self._weights(), epoch) | {"resume": resume})

    def save_epoch(self, epoch: int) -> None:
        """Write a checkpoint that stays."""
        checkpoint.save(self._folder.epoch(epoch), self._contents(self._weights(), epoch))

    def save_final(self, metrics: dict[str, Any]) -> None:
        """Write best.ckpt with the present weights and with figures on held-out data in its spec."""
        at = {"epoch": self.top[0][1]} if self.top else {}
        checkpoint.save(self._folder.best, self._filled(self._weights(), self._provenance | at | metrics))

    def _weights(self, copy: bool = False) -> Weights:
        found = {key: value.detach().cpu() for key, value in self._task.module.state_dict().items()}
        return {key: value.clone() for key, value in found.items()} if copy else found

    def _contents(self, weights: Weights, epoch: int) -> dict[str, Any]:
        return self._filled(weights, self._provenance | {"epoch": epoch})

    def _filled(self, weights: Weights, provenance: dict[str, Any]) -> dict[str, Any]:
        return {
            "system": self._config.system,
            "target": self._config.target,
            "config": self._plain_config,
            "model": weights,
            "spec": self._task.spec(provenance).to_json(),
            "held_out": self._task.held_out(),
        }
