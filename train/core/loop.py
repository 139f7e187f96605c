"""The training loop, for every system: epochs of batches, validation, checkpoints, early stopping, resuming."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from learn_rt.train.core import checkpoint
from learn_rt.train.core.config import LoopConfig, Mode, Optimizer, RunConfig, limited
from learn_rt.train.core.keeper import Keeper
from learn_rt.train.core.loggers import Sink, scalars
from learn_rt.train.core.progress import Progress
from learn_rt.train.core.run_folder import RunFolder
from learn_rt.train.core.schedule import Plateau, Watch, rate
from learn_rt.train.core.system import Task


@dataclass(frozen=True)
class Fitted:
    """How training went."""

    epochs: int
    best_epoch: int
    seconds: float  # in the loop, of all resumed pieces
    batches: int


class Trainer:
    """Trains `task.module`; leaves it as the best epoch had it, with best.ckpt and last.ckpt written.

    Every epoch's randomness comes from (seed, epoch) alone, so a resumed run gives the same bits on the CPU. Between
    the epochs that are validated or saved nothing is read back from the device, written or printed.
    """

    def __init__(
        self,
        fabric: Fabric,
        task: Task,
        config: RunConfig,
        folder: RunFolder,
        provenance: dict[str, Any],
        loggers: Sequence[Sink] = (),
    ) -> None:
        self._fabric, self._loggers, self._first = fabric, loggers, fabric.is_global_zero
        self._task, self._config, self._loop, self._folder = task, config, config.loop, folder
        if config.pretrained:
            _adopt(task, config.pretrained)
        task.to(self._fabric.device)
        self._plain = _optimizer(task, config)
        self._objective, self._optimizer = self._fabric.setup(task.objective, self._plain)
        # Fabric's wrapper casts and watches; where it has nothing to do, small nets are quicker without it.
        unwrapped = fabric.world_size == 1 and config.precision == "32-true"
        self._forward = task.objective if unwrapped else self._objective
        self._take_step = self._plain.step if unwrapped else self._optimizer.step
        self.keeper = Keeper(task, config, folder, provenance)
        self._n_batches = limited(task.n_batches(), self._loop.limit_train_batches)
        self._n_steps = math.ceil(self._n_batches / self._loop.accumulate)
        self._epoch, self._seconds = 0, 0.0
        self._watch = Watch(self._loop.mode, self._loop.min_delta)
        falls = self._loop.plateau_on or self._loop.monitor
        self._plateau_on = falls if self._loop.schedule == "plateau" else None
        self._plateau = Plateau(self._loop, Mode.min if falls == "loss" else self._loop.mode)

    def fit(self) -> Fitted:
        """Train until the last epoch or until patience ends.

        Raises: ValueError: the loss is not finite, the monitored metric is not there, or nothing fits to resume.
        """
        loop = self._loop
        if self._config.resume:
            self._resume()
        if self._first:
            self._folder.history(before_epoch=self._epoch)
        with Progress("epoch", self._epoch, loop.epochs, self._n_batches, not self._first) as progress:
            while self._epoch < loop.epochs and not self._tired():
                epoch, started = self._epoch, time.monotonic()
                last = epoch + 1 == loop.epochs
                figures = self._train_epoch(epoch, progress)
                if self._plateau_on == "loss":
                    self._plateau.see(self._mean(figures["loss"]), epoch)
                line = self._validate(epoch, figures) if last or (epoch + 1) % loop.validate_every == 0 else None
                self._epoch, self._seconds = epoch + 1, self._seconds + time.monotonic() - started
                if line and self._first:
                    self._folder.append_metrics(line | {"seconds": self._seconds})
                    progress.say(epoch, line)
                    for logger in self._loggers:
                        logger.log(scalars(line), epoch)
                if self._first and (last or self._epoch % loop.save_every == 0 or self._tired()):
                    self.keeper.save(epoch, self._state())
                if self._first and loop.keep_every and self._epoch % loop.keep_every == 0:
                    self.keeper.save_epoch(epoch)
        self._fabric.barrier()  # until best.ckpt is there
        if self._epoch:
            self._task.module.load_state_dict(checkpoint.load(self._folder.best)["model"])
        self._objective.eval()
        best = self.keeper.top[0][1] if self.keeper.top else 0
        return Fitted(self._epoch, best, self._seconds, self._epoch * self._n_batches)

    def _train_epoch(self, epoch: int, progress: Progress) -> dict[str, Tensor]:
        """Return the epoch's means of what the objective gave; they stay on the device."""
        seed = self._config.seed * 100_003 + epoch
        generator = torch.Generator().manual_seed(seed)
        # What torch.manual_seed does, without its 0.3 ms of bookkeeping for devices that are not there.
        torch.default_generator.manual_seed(seed)
        if self._fabric.device.type == "cuda":
            torch.cuda.manual_seed_all(seed)
        if not self._objective.training:
            self._objective.train()
        self._task.on_epoch(epoch)
        if self._fabric.global_rank:  # each process its own dropout, but the same batches
            torch.manual_seed(seed + (self._fabric.global_rank << 32))
        loop, sums = self._loop, dict[str, Tensor]()
        batches = islice(self._task.batches(generator), self._n_batches)
        for i, whole in enumerate(progress.batches(epoch, batches)):
            batch, weight = self._share(whole) if self._fabric.world_size > 1 else (whole, 1.0)
            group = min(loop.accumulate, self._n_batches - i // loop.accumulate * loop.accumulate)
            ends = (i + 1) % loop.accumulate == 0 or i + 1 == self._n_batches
            with nullcontext() if ends else self._fabric.no_backward_sync(self._objective):
                said = self._forward(*batch)
                value = said["loss"] if isinstance(said, dict) else said
                if value.requires_grad:  # else the objective has put its gradient where autograd would
                    self._fabric.backward(value if group == weight == 1 else value * (weight / group))
                elif self._fabric.world_size > 1:  # nothing would average it
                    raise ValueError("devices: this objective computes its gradient itself, in one process only")
            for key, part in said.items() if isinstance(said, dict) else (("loss", said),):
                part = part.detach() if weight == 1 else part.detach() * weight
                sums[key] = sums[key] + part if key in sums else part
            if ends:
                self._step(epoch * self._n_steps + i // loop.accumulate, epoch)
        return sums if self._n_batches == 1 else {key: total / self._n_batches for key, total in sums.items()}

    def _share(self, batch: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], float]:
        """Return this process's rows of a batch, and their weight: processes' gradients are averaged as equals."""
        rows, n, k = len(batch[0]), self._fabric.world_size, self._fabric.global_rank
        low, high = rows * k // n, rows * (k + 1) // n
        if rows < n:
            raise ValueError(f"devices: a batch of {rows} rows cannot be shared by {n} processes")
        return tuple(part[low:high] for part in batch), (high - low) * n / rows

    def _mean(self, value: Tensor) -> float:
        """Return a figure's mean over the processes."""
        if self._fabric.world_size == 1:
            return float(value)
        mean = self._fabric.all_reduce(value, reduce_op="mean")
        assert isinstance(mean, Tensor)
        return float(mean)

    def _step(self, step: int, epoch: int) -> None:
        loop, total = self._loop, max(1, self._n_steps * self._loop.epochs)
        now = rate(loop, step, total, epoch, self._plateau.scale)
        for group in self._optimizer.param_groups:
            group["lr"] = now
        if loop.clip_value:
            self._fabric.clip_gradients(self._objective, self._optimizer, clip_val=loop.clip_value)
        if loop.clip_norm:
            self._fabric.clip_gradients(self._objective, self._optimizer, max_norm=loop.clip_norm)
        self._take_step()
        for group in self._plain.param_groups:  # zero_grad() without its bookkeeping
            for parameter in group["params"]:
                parameter.grad = None

    def _validate(self, epoch: int, figures: dict[str, Tensor]) -> dict[str, Any]:
        """Return the epoch's line of metrics; what depends on them is done."""
        loop = self._loop
        losses = {key: self._mean(value) for key, value in figures.items()}
        if not math.isfinite(losses["loss"]):
            raise ValueError(
                f"the training loss is {losses['loss']} in epoch {epoch + 1}: lower loop.lr, set loop.clip_norm, "
                "or look for values in the data that are too large"
            )
        self._objective.eval()
        # The first process's, so that all decide alike.
        metrics = losses | self._fabric.broadcast(self._task.validate())
        for name in {loop.monitor, self._plateau_on or loop.monitor}:
            if name not in metrics:
                raise ValueError(f"loop.monitor: validation gives no {name!r}; it gives {', '.join(metrics)}")
        value = metrics[loop.monitor]
        self._watch.improves(value, epoch)
        self.keeper.consider(value, epoch)
        if not self.keeper.top:
            raise ValueError(f"the validation's {loop.monitor} is {value} in epoch {epoch + 1}: there is no best one")
        if self._plateau_on not in (None, "loss"):
            self._plateau.see(metrics[str(self._plateau_on)], epoch)
        return {"epoch": epoch, **metrics, "lr": self._plain.param_groups[0]["lr"]}

    def _tired(self) -> bool:
        """Return whether patience is over."""
        return self._loop.patience > 0 and self._epoch - 1 - self._watch.epoch >= self._loop.patience

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"epoch": self._epoch, "seconds": self._seconds, "top": self.keeper.top}
        state |= {"watch": self._watch.state(), "plateau": self._plateau.state()}
        return state | {"optimizer": self._plain.state_dict()}

    def _resume(self) -> None:
        kept = checkpoint.load(self._folder.last)
        if "resume" not in kept:
            raise ValueError(f"{self._folder.last} has no optimizer state: nothing to resume")
        try:
            state = kept["resume"]
            self._task.module.load_state_dict(kept["model"])
            self._plain.load_state_dict(state["optimizer"])
            self._watch.restore(state["watch"])
            self._plateau.restore(state["plateau"])
            self.keeper.top = [(float(value), int(epoch)) for value, epoch in state["top"]]
            self._epoch, self._seconds = int(state["epoch"]), float(state["seconds"])
        except (RuntimeError, ValueError, KeyError, TypeError):
            raise ValueError(
                f"{self._folder.last} is of a run with another configuration: resume with its own"
            ) from None


def _optimizer(task: Task, config: RunConfig) -> torch.optim.Optimizer:
    parameters = [p for p in task.objective.parameters() if p.requires_grad]
    loop: LoopConfig = config.loop
    betas = (loop.betas[0], loop.betas[1])
    kind = torch.optim.AdamW if loop.optimizer is Optimizer.adamw else torch.optim.Adam
    # One call for all weights: twice as fast on a CPU. A gradient scaler does not clip for it.
    fused = config.precision != "16-mixed"
    return kind(parameters, lr=loop.lr, betas=betas, weight_decay=loop.weight_decay, fused=fused)


def _adopt(task: Task, path: str) -> None:
    """Start from a checkpoint's weights. Raises: ValueError: they do not fit."""
    try:
        task.adopt(checkpoint.load(path)["model"])
    except RuntimeError as error:
        detail = " ".join(str(error).split())[:300]
        raise ValueError(f"pretrained={path}: its weights do not fit this configuration ({detail})") from None
