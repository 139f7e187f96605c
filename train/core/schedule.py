"""The learning rate of each step, computed from where training stands, so that a resumed run needs no more."""

from __future__ import annotations

import math

from learn_rt.train.core.config import LoopConfig, Mode, Schedule

PLATEAU_DELTA = 1e-4  # share of the best value by which a value must be better to end a plateau


def rate(loop: LoopConfig, step: int, total: int, epoch: int, plateau_scale: float) -> float:
    """Return the learning rate of optimizer step `step` of `total`, in `epoch`; all count from 0."""
    span = loop.lr - min(loop.min_lr, loop.lr)
    if loop.schedule is Schedule.cosine:
        full = loop.lr - span * 0.5 * (1.0 - math.cos(math.pi * step / total))
    elif loop.schedule is Schedule.cosine_restarts:
        full = loop.lr - span * 0.5 * (1.0 - math.cos(math.pi * _since_restart(epoch, loop.t0, loop.t_mult)))
    elif loop.schedule is Schedule.plateau:
        full = max(loop.lr * plateau_scale, loop.lr - span)
    else:
        full = loop.lr
    return full * min(1.0, (step + 1) / max(1, loop.warmup_steps))


def _since_restart(epoch: int, t0: int, t_mult: int) -> float:
    """Return how much of the present cosine is over, 0 to 1 (Loshchilov, Hutter 2017: SGDR)."""
    length = t0
    while epoch >= length:
        epoch -= length
        length *= t_mult
    return epoch / length


class Watch:
    """The best value of a metric so far and its epoch; better is what is better by a share `delta` of it."""

    def __init__(self, mode: Mode, delta: float) -> None:
        self._sign, self._delta = (1.0 if mode is Mode.min else -1.0), delta
        self.best, self.epoch = self._sign * math.inf, -1

    def improves(self, value: float, epoch: int) -> bool:
        """Return whether a value is noticeably better, and remember it if so."""
        margin = self._delta * abs(self.best) if math.isfinite(self.best) else 0.0
        if not self._sign * value < self._sign * self.best - margin:
            return False
        self.best, self.epoch = value, epoch
        return True

    def state(self) -> dict[str, float]:
        """Return what `restore` takes."""
        return {"best": self.best, "epoch": self.epoch}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from `state()`."""
        self.best, self.epoch = float(state["best"]), int(state["epoch"])


class Plateau:
    """The factor on the rate that falls when a metric stops improving."""

    def __init__(self, loop: LoopConfig, mode: Mode) -> None:
        self._loop = loop
        self._watch = Watch(mode, PLATEAU_DELTA)
        self._fell, self.scale = -1, 1.0  # the epoch of the last fall, and the factor

    def see(self, value: float, epoch: int) -> None:
        """Take a metric's value at an epoch; between two of them epochs may have passed."""
        if self._watch.improves(value, epoch):
            return
        if epoch - max(self._watch.epoch, self._fell) > self._loop.plateau_patience:
            self.scale, self._fell = self.scale * self._loop.factor, epoch

    def state(self) -> dict[str, float]:
        """Return what `restore` takes."""
        return {**self._watch.state(), "fell": self._fell, "scale": self.scale}

    def restore(self, state: dict[str, float]) -> None:
        """Go on from `state()`."""
        self._watch.restore(state)
        self._fell, self.scale = int(state["fell"]), float(state["scale"])
