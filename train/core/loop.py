"""The training loop, for every system: epochs of batches, validation, checkpoints, early stopping, resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric

from learn_rt.train.core import checkpoint
from learn_rt.train.core.config import LoopConfig, RunConfig, plain
from learn_rt.train.core.progress import Progress
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.core.system import Task

NOTICEABLE = 0.005  # of the validation error: less does not count as better when deciding whether to stop


@dataclass(frozen=True)
class Fitted:
    """How training went."""

    epochs: int
    best_epoch: int
    seconds: float  # in the loop, of all resumed pieces
    batches: int


def fit(task: Task, config: RunConfig, folder: RunFolder, provenance: dict[str, Any]) -> Fitted:
    """Train `task.module`; leave it as the best epoch had it, and write best.ckpt and last.ckpt.

    Every epoch's randomness comes from (seed, epoch) alone, so a resumed run gives the same bits on the CPU.
    """
    fabric = Fabric(accelerator=config.device, devices=1, precision=config.precision)  # type: ignore[arg-type]
    task.to(fabric.device)
    parameters = [p for p in task.objective.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(parameters, lr=config.loop.lr, weight_decay=config.loop.weight_decay)
    objective, optimizer = fabric.setup(task.objective, adam)
    state: dict[str, Any] = {"epoch": 0, "seconds": 0.0}
    state |= {"best": math.inf, "best_epoch": 0, "mark": math.inf, "mark_epoch": 0}
    if config.resume:
        kept = checkpoint.load(folder.last)
        if "resume" not in kept:
            raise ValueError(f"{folder.last} has no optimizer state: nothing to resume")
        try:
            task.module.load_state_dict(kept["model"])
            adam.load_state_dict(kept["resume"]["optimizer"])
            state = {key: kept["resume"][key] for key in state}
        except (RuntimeError, ValueError, KeyError, TypeError):
            raise ValueError(f"{folder.last} is of a run with another configuration: resume with its own") from None
    folder.history(before_epoch=state["epoch"])
    total = max(1, task.n_batches() * config.loop.epochs)
    with Progress("epoch", config.loop.epochs, task.n_batches()) as progress:
        while state["epoch"] < config.loop.epochs and not _tired(state, config.loop.patience):
            epoch, started = state["epoch"], time.monotonic()
            generator = torch.Generator().manual_seed(config.seed * 100_003 + epoch)
            torch.manual_seed(config.seed * 100_003 + epoch)
            objective.train()
            loss, first = 0.0, epoch * task.n_batches()
            for i, batch in enumerate(progress.batches(epoch, task.batches(generator))):
                _set_rate(optimizer.param_groups, _rate(first + i, total, config.loop))
                value = objective(*batch)
                optimizer.zero_grad()
                fabric.backward(value)
                fabric.clip_gradients(objective, optimizer, max_norm=config.loop.clip_norm)
                optimizer.step()
                loss += float(value.detach())
            objective.eval()
            metrics = task.validate()
            state |= {"epoch": epoch + 1, "seconds": state["seconds"] + time.monotonic() - started}
            better = metrics["rmse_um"] < state["best"]
            if metrics["rmse_um"] < state["mark"] * (1 - NOTICEABLE):
                state |= {"mark": metrics["rmse_um"], "mark_epoch": epoch}
            if better:
                state |= {"best": metrics["rmse_um"], "best_epoch": epoch}
            line = {"epoch": epoch, "loss": loss / task.n_batches(), **metrics, "lr": adam.param_groups[0]["lr"]}
            folder.append_metrics(line | {"seconds": state["seconds"]})
            progress.say(epoch, line)
            contents = _contents(task, config, provenance | {"epoch": epoch})
            if better:
                checkpoint.save(folder.best, contents)
            checkpoint.save(folder.last, contents | {"resume": {"optimizer": adam.state_dict(), **state}})
    if state["epoch"]:
        task.module.load_state_dict(checkpoint.load(folder.best)["model"])
    objective.eval()
    batches = state["epoch"] * task.n_batches()
    return Fitted(state["epoch"], state["best_epoch"], state["seconds"], batches)


def save_final(task: Task, config: RunConfig, folder: RunFolder, provenance: dict[str, Any]) -> None:
    """Write best.ckpt again, with the metrics on held-out data in its spec."""
    checkpoint.save(folder.best, _contents(task, config, provenance))


def _contents(task: Task, config: RunConfig, provenance: dict[str, Any]) -> dict[str, Any]:
    return {
        "system": config.system,
        "target": config.target,
        "config": plain(config),
        "model": {key: value.detach().cpu() for key, value in task.module.state_dict().items()},
        "spec": task.spec(provenance).to_json(),
        "held_out": task.held_out(),
    }


def _tired(state: dict[str, Any], patience: int) -> bool:
    return patience > 0 and state["epoch"] - 1 - state["mark_epoch"] >= patience


def _rate(step: int, total: int, loop: LoopConfig) -> float:
    warm = min(1.0, (step + 1) / max(1, loop.warmup_steps))
    return loop.lr * warm * 0.5 * (1.0 + math.cos(math.pi * step / total))


def _set_rate(groups: Iterable[dict[str, Any]], rate: float) -> None:
    for group in groups:
        group["lr"] = rate
