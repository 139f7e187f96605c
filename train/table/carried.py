"""A carried net's recordings: what it is trained on, and its answers to whole ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from learn_rt.train.core.carried import Chunks
from learn_rt.train.table.config import TableConfig
from learn_rt.train.table.model import CarriedNet
from learn_rt.train.table.resample import Segment

Recordings = list[tuple[Tensor, Tensor]]  # x (n, n_features), y (n, n_outputs) of each stretch without gaps


def stretches(segments: Sequence[Segment], preview: int) -> Recordings:
    """Return segments as tensors; y is what a sample's answer is for, `preview` samples before."""
    found = []
    for s in segments:
        at = torch.arange(len(s.y)).sub(preview).clamp(min=0)
        found.append((torch.from_numpy(s.x).float(), torch.from_numpy(s.y).float()[at]))
    return found


@torch.no_grad()
def chunks(net: CarriedNet, data: Recordings, config: TableConfig) -> Chunks:
    """Return what training takes: standardised samples and what the linear map leaves of the outputs."""
    rows = []
    for x, y in data:
        weight = torch.ones(len(x))
        weight[: config.preview] = 0.0
        rows.append((net.standard(x), (y - net.target_mean) / net.target_std - net.straight(x), weight))
    return Chunks(rows, config.chunk, config.carry, config.side_by_side)


@torch.no_grad()
def answer(net: CarriedNet, data: Recordings, skip: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (answers, the linear map's alone, targets), each (n, n_outputs), in the outputs' units.

    Every recording is run whole from zero states; its first `skip` answers are left out.
    """
    found = []
    for x, y in data:
        straight = net.straight(x)
        added, _ = net.run(net.standard(x).unsqueeze(0), None)
        found.append((net.physical(straight + added[0])[skip:], net.physical(straight)[skip:], y[skip:]))
    answers, linear, targets = (torch.cat(part) for part in zip(*found, strict=True))
    return answers, linear, targets


def sequences(data: Recordings, length: int, count: int) -> Tensor:
    """Return up to `count` sequences (n, length, n_features) from all over the recordings."""
    length = min(length, max(len(x) for x, _ in data))
    starts = [(i, k) for i, (x, _) in enumerate(data) for k in range(0, len(x) - length + 1, max(1, length // 4))]
    chosen = torch.linspace(0, len(starts) - 1, min(count, len(starts))).long().tolist()
    return torch.stack([data[i][0][k : k + length] for i, k in (starts[n] for n in chosen)]).cpu().contiguous()
