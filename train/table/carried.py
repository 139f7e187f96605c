"""A state carried through recordings: training by truncated backpropagation, and answers to whole recordings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from learn_rt.train.table.model import CarriedNet
from learn_rt.train.table.resample import Segment

Recordings = list[tuple[Tensor, Tensor]]  # x (n, n_features), y (n, n_outputs) of each stretch without gaps


class CarriedObjective(nn.Module):
    """Huber's loss of a chunk, with the state that the chunk before left; gradients end at the chunk's start."""

    def __init__(self, module: CarriedNet) -> None:
        super().__init__()
        self.module = module
        self._h: Tensor | None = None

    def forward(self, z: Tensor, target: Tensor, weight: Tensor, first: Tensor) -> Tensor:
        """Return the mean loss over what has weight.

        Args: z: standardised samples (batch, n, n_features); target: what the linear map leaves (batch, n, n_outputs);
        weight: (batch, n), 0 where a sequence is over or has just begun; first: (batch,), whether it begins here.
        """
        c = self.module.config
        if self._h is None or bool(first[0]):
            self._h = z.new_zeros(c.num_layers, len(z), c.hidden_size)
        answers, h = self.module.run(z, self._h)
        self._h = h.detach()
        loss = F.smooth_l1_loss(answers, target, reduction="none").mean(2)
        # Divided by the number of samples, not of weights: processes with other rows then add up.
        return (loss * weight).mean()


def stretches(segments: Sequence[Segment]) -> Recordings:
    """Return segments as tensors."""
    return [(torch.from_numpy(s.x).float(), torch.from_numpy(s.y).float()) for s in segments]


class Chunks:
    """Cuts recordings into sequences at random places, and hands them out side by side, chunk by chunk.

    The state of a sequence that begins inside a recording is unknown: its first `chunk` samples only bring it there and
    have no weight.
    """

    def __init__(self, net: CarriedNet, data: Recordings, chunk: int, carry: int, side_by_side: int) -> None:
        self._chunk, self._carry, self._rows = chunk, carry, side_by_side
        with torch.no_grad():
            self._z = [net.standard(x) for x, _ in data]
            self._y = [(y - net.target_mean) / net.target_std - net.straight(x) for x, y in data]
        # One more than fit: wherever the cuts fall, there are as many.
        self._count = [-(-len(z) // carry) + 1 for z in self._z]
        self.n_batches = -(-sum(self._count) // side_by_side) * (carry // chunk)

    def to(self, device: torch.device) -> None:
        """Move to a device."""
        self._z, self._y = ([t.to(device) for t in side] for side in (self._z, self._y))

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, ...]]:
        """Yield (z, target, weight, first) as `CarriedObjective` takes them, `n_batches` of them."""
        shift = int(torch.randint(0, self._carry, (1,), generator=generator))
        starts = [(i, k * self._carry - shift) for i, n in enumerate(self._count) for k in range(n)]
        order = [starts[k] for k in torch.randperm(len(starts), generator=generator).tolist()]
        for group in range(0, len(order), self._rows):
            rows = [self._sequence(i, at) for i, at in order[group : group + self._rows]]
            z, y, weight = (torch.stack(part) for part in zip(*rows, strict=True))
            for k in range(0, self._carry, self._chunk):
                part = slice(k, k + self._chunk)
                yield z[:, part], y[:, part], weight[:, part], torch.full((len(rows),), k == 0, device=z.device)

    def _sequence(self, i: int, at: int) -> tuple[Tensor, Tensor, Tensor]:
        z, y = self._z[i], self._y[i]
        low, high = min(max(at, 0), len(z)), max(0, min(at + self._carry, len(z)))
        weight = z.new_zeros(self._carry)
        weight[(0 if low == 0 else self._chunk) : high - low] = 1.0
        after = self._carry - (high - low)
        return F.pad(z[low:high], (0, 0, 0, after)), F.pad(y[low:high], (0, 0, 0, after)), weight


@torch.no_grad()
def answer(net: CarriedNet, data: Recordings, skip: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return (answers, the linear map's alone, targets), each (n, n_outputs), in the outputs' units.

    Every recording is run whole from zero states; its first `skip` answers are left out.
    """
    c, found = net.config, []
    for x, y in data:
        h = x.new_zeros(c.num_layers, 1, c.hidden_size)
        straight = net.straight(x)
        added, _ = net.run(net.standard(x).unsqueeze(0), h)
        found.append((net.physical(straight + added[0])[skip:], net.physical(straight)[skip:], y[skip:]))
    answers, linear, targets = (torch.cat(part) for part in zip(*found, strict=True))
    return answers, linear, targets


def sequences(data: Recordings, length: int, count: int) -> Tensor:
    """Return up to `count` sequences (n, length, n_features) from all over the recordings."""
    length = min(length, max(len(x) for x, _ in data))
    starts = [(i, k) for i, (x, _) in enumerate(data) for k in range(0, len(x) - length + 1, max(1, length // 4))]
    chosen = torch.linspace(0, len(starts) - 1, min(count, len(starts))).long().tolist()
    return torch.stack([data[i][0][k : k + length] for i, k in (starts[n] for n in chosen)]).cpu().contiguous()
