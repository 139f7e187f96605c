"""Windows of recordings: where they start, what they are labelled, and their samples, from tensors on the device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from learn_rt.train.activity.recordings import Recording


class Windows:
    """Windows of `length` samples every `stride` samples; none crosses a gap.

    A window is labelled as most of its samples are; it is left out where less than `purity` of them agree.
    Samples stay where they are; `take` gathers windows, so that overlapping ones cost no memory.
    """

    def __init__(
        self,
        recordings: Mapping[str, Recording],
        channels: Sequence[int],
        length: int,
        stride: int,
        purity: float,
        n_classes: int,
    ) -> None:
        parts = list(recordings.values())
        self.length = length
        self.imu = torch.from_numpy(np.concatenate([r.imu for r in parts])[:, list(channels)])
        pose = np.concatenate([np.concatenate([r.origin[:, None], r.pose], 1) for r in parts])
        self.pose = torch.from_numpy(pose).flatten(1)
        self.posed = torch.from_numpy(np.concatenate([r.posed for r in parts])).float()
        starts, labels, clips, first_of, last_of = (list[np.ndarray]() for _ in range(5))
        base = 0
        for recording in parts:
            for a, b in zip(recording.offsets[:-1].tolist(), recording.offsets[1:].tolist(), strict=True):
                at = np.arange(a, b - length + 1, stride)
                if not len(at):
                    continue
                label = _labels(recording.label, at, length, purity, n_classes)
                at, label = at[label >= 0], label[label >= 0]
                starts.append(at + base)
                labels.append(label)
                clips.append(np.full(len(at), len(clips)))
                first_of.append(np.full(len(at), a + base))
                last_of.append(np.full(len(at), b - length + base))
            base += len(recording.imu)
        self.starts, self.labels, self.clips, self.first, self.last = (
            torch.from_numpy(np.concatenate(part).astype(np.int64)) if part else torch.zeros(0, dtype=torch.int64)
            for part in (starts, labels, clips, first_of, last_of)
        )

    def __len__(self) -> int:
        return len(self.starts)

    def to(self, device: torch.device) -> None:
        """Move everything to a device."""
        for name in ("imu", "pose", "posed", "starts", "labels", "clips", "first", "last"):
            setattr(self, name, getattr(self, name).to(device))

    def take(self, which: Tensor, shift: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return imu (n, length, channels), pose (n, length, 3 + 3 joints), posed (n, length) and labels (n,).

        `shift` (n,) moves windows by samples, as far as their stretch reaches.
        """
        start = self.starts[which]
        if shift is not None:
            start = torch.minimum(torch.maximum(start + shift, self.first[which]), self.last[which])
        at = start[:, None] + torch.arange(self.length, device=start.device)
        return self.imu[at], self.pose[at], self.posed[at], self.labels[which]


def _labels(label: np.ndarray, starts: np.ndarray, length: int, purity: float, n_classes: int) -> np.ndarray:
    """Return the class of most samples of each window; -1 where too few agree or most have none."""
    counts = np.zeros((n_classes, len(starts)), np.int64)
    for c in np.unique(label[label >= 0]):
        total = np.concatenate([[0], np.cumsum(label == c)])
        counts[c] = total[starts + length] - total[starts]
    most = counts.argmax(0)
    return np.where(counts.max(0) >= max(1.0, purity * length), most, -1)
