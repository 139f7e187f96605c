"""Stretches of paths with their learned offsets, as tensors that windows are indexed out of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from learn_rt.train.printer.machine import Machine
from learn_rt.train.printer.model import OffsetNet, Z
from learn_rt.train.printer.plant import Plant
from learn_rt.train.printer.targets import learn_offsets

# Ticks at the ends of a stretch that give no target: the machine enters it without error, and the controller does not
# know what follows it. Both have faded after these.
SETTLE, FADE = 150, 60


@dataclass
class Stretches:
    """Windows of n stretches of t ticks.

    x: (n, t, 5) raw samples; target: (n, t, 2) offsets [mm] at their ticks; signals: (n, t, 6) of `OffsetNet.signals`;
    ends: (windows, 2) stretch and newest tick of each window. `filtered` and `gate` are set by `apply_filters`, at the
    newest tick of the window.
    """

    x: Tensor
    target: Tensor
    signals: Tensor
    ends: Tensor
    preview: int
    steps: int
    rms_um: list[float]  # of the error in the simulator: as planned, with offsets learned, with the filters', and all
    filtered: Tensor | None = None
    gate: Tensor | None = None

    def to(self, device: torch.device) -> None:
        """Move all tensors to a device."""
        for name in ("x", "target", "signals", "ends", "filtered", "gate"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value.to(device))

    def raw(self, ends: Tensor) -> Tensor:
        """Return raw windows (n, steps + 1, 5) that end at (n, 2)."""
        ticks = ends[:, 1:] - torch.arange(self.steps, -1, -1, device=ends.device)
        return self.x[ends[:, :1], ticks]

    def answers(self, ends: Tensor) -> Tensor:
        """Return the targets (n, 2) [mm] of windows that end at (n, 2)."""
        return self.target[ends[:, 0], ends[:, 1] - self.preview]

    @torch.no_grad()
    def apply_filters(self, module: OffsetNet) -> None:
        """Set what the fitted filters answer, and the gate, at every tick that ends a window."""
        steps, back, n, t = self.steps, self.preview, len(self.x), self.x.shape[1]
        weight = module.filters.weight.unflatten(1, (steps, -1)).transpose(1, 2)
        rows = F.conv1d(self.signals.transpose(1, 2), weight).transpose(1, 2)
        sample = self.x[:, steps - 1 - back : t - back]
        answers = module.polynomial(rows.flatten(0, 1), sample.flatten(0, 1)).view(n, -1, 2)
        way = F.pad(self.signals[..., 2:4].abs().sum(-1).double().cumsum(1), (1, 0))
        self.filtered = F.pad(answers, (0, 0, steps - 1, 0))
        self.gate = module.gate(F.pad((way[:, steps:] - way[:, :-steps]).float(), (steps - 1, 0)))


def learn_stretches(
    path: NDArray[np.float64], module: OffsetNet, machine: Machine, plant: Plant, effort: float, rounds: int
) -> Stretches:
    """Return the stretches of `path` (n, t, 5), x, y, z [mm], vx, vy [mm/s], with offsets learned in the simulator."""
    c = module.config
    learned = learn_offsets(machine, plant, np.delete(path, Z, 2), c.dt_s, effort, rounds)
    x = torch.from_numpy(path).float()
    signals = torch.zeros(*x.shape[:2], module.n_signals)
    with torch.no_grad():
        signals[:, 1:] = module.signals(x[:, 1:], x[:, :-1])
    first = max(SETTLE + c.preview, c.steps)
    newest = torch.arange(first, x.shape[1] - FADE)
    ends = torch.cartesian_prod(torch.arange(len(x)), newest)
    target = torch.from_numpy(learned.offsets).float()
    return Stretches(x, target, signals, ends, c.preview, c.steps, [learned.rms_um[0], learned.rms_um[-1]])


def refine(
    data: Stretches, path: NDArray[np.float64], machine: Machine, plant: Plant, dt_s: float, effort: float, rounds: int
) -> None:
    """Learn the targets again, from what the filters answer: they then differ from it only where that helps the print.

    An axis that sticks can have one offset or another to the same effect. From the filters' own, the net is not asked
    to learn differences that do nothing.
    """
    assert data.filtered is not None
    base = data.target.double().numpy()
    # The filters have no answer where there is no whole window; the first targets stay there.
    first, last = data.steps - 1 - data.preview, data.x.shape[1] - data.preview
    base[:, first:last] = data.filtered[:, data.steps - 1 :].double().numpy()
    learned = learn_offsets(machine, plant, np.delete(path, Z, 2), dt_s, effort, rounds, base)
    data.target = torch.from_numpy(learned.offsets).float()
    data.rms_um += [learned.rms_um[0], learned.rms_um[-1]]


def as_they_lie(paths: Sequence[NDArray[np.float64]], n: int, count: int) -> NDArray[np.float64]:
    """Return at most `count` consecutive pieces (k, n, 5) of paths, spread evenly over them.

    Raises: ValueError: no path has n ticks.
    """
    pieces = [path[i : i + n] for path in paths for i in range(0, len(path) - n + 1, n)]
    if not pieces:
        raise ValueError(f"a held-out part must have {n} ticks ({n} samples) without a gap, the longest run is shorter")
    chosen = np.linspace(0, len(pieces) - 1, min(count, len(pieces))).round().astype(int)
    return np.stack([pieces[i] for i in chosen])
