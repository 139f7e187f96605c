"""Recordings as tensors on the device, and the windows in them by the index of their newest tick."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from learn_rt.train.printer.error.recordings import Recording


class Windows:
    """Recordings, one after the other. A window never reaches over the beginning of one.

    samples (n, 4), targets (n, 2): the error `ahead` ticks after the sample; answered (n,): whether there is one to
    answer; room (n,): how many ticks of the same recording came before.
    """

    def __init__(self, recordings: Sequence[Recording], window: int, ahead: int) -> None:
        self.window = window
        lengths = [len(r.samples) for r in recordings]
        self.samples = _joined([r.samples for r in recordings], 4)
        self.targets = _joined([_earlier(r.errors, ahead) for r in recordings], 2)
        answered = [_earlier(r.answered, ahead) for r in recordings]
        self.answered = torch.from_numpy(np.concatenate([np.zeros(0, np.bool_), *answered]))
        self.room = torch.cat(
            [torch.zeros(0, dtype=torch.int32), *(torch.arange(n, dtype=torch.int32) for n in lengths)]
        )
        self.recording = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths, dtype=torch.long))
        self.n_recordings = len(lengths)

    @property
    def ends(self) -> Tensor:
        """Return the newest tick of every window that is answered."""
        return torch.nonzero(self.answered & (self.room >= self.window - 1)).flatten()

    def raw(self, ends: Tensor) -> Tensor:
        """Return raw windows (n, window, 4)."""
        return self.samples[self.ticks(ends, self.window)]

    @staticmethod
    def ticks(ends: Tensor, n: int) -> Tensor:
        """Return the last n ticks (ends, n) up to each end."""
        return ends[:, None] + torch.arange(1 - n, 1, device=ends.device)

    def passes(self, answers: int, stride: int, generator: torch.Generator) -> Tensor:
        """Return the newest ticks of passes over window + answers - 1 ticks, whose last `answers` are to be answered.

        They lie answers * stride apart, from another place in each recording each time, in random order. Those with
        nothing to answer are left out.
        """
        first = self.window + answers - 2
        apart = answers * stride
        offset = torch.randint(apart, (self.n_recordings,), generator=generator).to(self.room.device)[self.recording]
        chosen = (self.room >= first) & ((self.room - first - offset) % apart == 0)
        total = torch.cumsum(self.answered, 0)
        ends = torch.nonzero(chosen).flatten()
        some = total[ends] - total[(ends - answers).clamp(min=0)] > 0 if answers > 1 else self.answered[ends]
        ends = ends[some]
        return ends[torch.randperm(len(ends), generator=generator).to(ends.device)]

    def to(self, device: torch.device) -> None:
        """Move everything to a device."""
        for name in ("samples", "targets", "answered", "room", "recording"):
            setattr(self, name, getattr(self, name).to(device))


def _earlier(values: np.ndarray, ahead: int) -> np.ndarray:
    """Return values with those `ahead` ticks later in their places; the last ones have none: zero, False."""
    if not ahead:
        return values
    moved = np.zeros_like(values)
    moved[:-ahead] = values[ahead:]
    return moved


def _joined(arrays: list[np.ndarray], width: int) -> Tensor:
    return torch.from_numpy(np.concatenate([np.zeros((0, width), np.float32), *arrays]))
